"""A file of customers, read: its encoding, its separator, its lines, and what is wrong with each. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from coinslot.fields import FieldError, InputError, storable
from coinslot.money import MoneyError, parse_amount
from coinslot.people.card_rules import normal_card_no
from coinslot.people.login_rules import LANGUAGES
from coinslot.people.rules import normal_phone

MOST_LINES: Final = 20_000
MOST_BYTES: Final = 4 * 1024 * 1024
MOST_MINOR: Final = 10**9
"""One customer's balance; more is a slip of the pen."""
_MOST_WITH_BLANKS: Final = 5 * MOST_LINES
"""Spreadsheets write empty lines after the last one; a file of nothing else is not read to its end."""
_SEPARATORS: Final = (",", ";", "\t")
_LONGEST_CELL: Final = 200
_ENCODINGS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

COLUMNS: Final[Mapping[str, str]] = {
    "phone": "phone", "mobile": "phone", "手机": "phone", "手机号": "phone", "电话": "phone",
    "name": "name", "姓名": "name",
    "card_no": "card_no", "card": "card_no", "卡号": "card_no",
    "language": "language", "语言": "language",
    "balance": "balance", "余额": "balance",
    "bonus": "bonus", "赠送": "bonus", "赠送余额": "bonus",
}  # fmt: skip
"""How a column may be called, and what it is."""


class FileError(InputError):
    """The file as a whole cannot be taken; the text says why and what to do."""


class NewCustomer(Struct, frozen=True, kw_only=True):
    """One good line. Amounts are minor units."""

    line: int
    """In the file, the header being 1."""
    phone: str | None
    card_no: str | None
    language: str
    balance_minor: int
    bonus_minor: int


class LineError(Struct, frozen=True, kw_only=True, order=True):
    """What is wrong with one field of one line; the cell is not repeated."""

    line: int
    field: str
    reason: str


class ReadFile(Struct, frozen=True, kw_only=True):
    """A file, read."""

    digest: str
    """SHA-256 of its bytes: the same file is known by it."""
    encoding: str
    separator: str
    rows: int
    """Lines with anything in them, the header apart."""
    customers: tuple[NewCustomer, ...]
    errors: tuple[LineError, ...]
    """By line; a line with one is in no customer."""


def read_file(raw: bytes, currency: str) -> ReadFile:
    """FileError for a file that is none; faults of lines are in the answer."""
    if not raw.strip():
        raise FileError("the file is empty")
    if len(raw) > MOST_BYTES:
        raise FileError(f"the file has more than {MOST_BYTES // 1024 // 1024} MiB; bring it in in parts")
    text, encoding = _decoded(raw)
    if not storable(text):
        raise FileError("the file holds characters that are no text; export it again as CSV")
    separator = _separator(text)
    rows = _rows(text, separator)
    header = _header(next(rows, (0, []))[1])
    customers: list[NewCustomer] = []
    errors: list[LineError] = []
    first: dict[tuple[str, str], int] = {}
    count = 0
    for line, cells in rows:
        count += 1
        if count > MOST_LINES:
            raise FileError(f"the file has more than {MOST_LINES} lines; bring it in in parts")
        found = _customer(line, cells, header, currency, first)
        if isinstance(found, NewCustomer):
            customers.append(found)
        else:
            errors += found
    return ReadFile(
        digest=hashlib.sha256(raw).hexdigest(),
        encoding=encoding,
        separator=separator,
        rows=count,
        customers=tuple(customers),
        errors=tuple(errors),
    )


def _decoded(raw: bytes) -> tuple[str, str]:
    """By its mark, else UTF-8, else the Chinese one that spreadsheets write: hardly anything in it is UTF-8 by chance."""
    marked = [encoding for mark, encoding in _ENCODINGS if raw.startswith(mark)]
    for encoding in marked or ["utf-8", "gb18030"]:
        try:
            return raw.decode(encoding), "utf-8" if encoding == "utf-8-sig" else encoding
        except UnicodeDecodeError:
            continue
    raise FileError("the file is neither UTF-8 nor GBK text; export it again as CSV (UTF-8)")


def _separator(text: str) -> str:
    header = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    return max(_SEPARATORS, key=header.count)


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Lines with anything in them, and where each begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    began = 1
    try:
        for number, cells in enumerate(reader):
            if number > _MOST_WITH_BLANKS:
                raise FileError("the file holds too many empty lines; delete them and export it again")
            if any(cell.strip() for cell in cells):
                yield began, [cell.strip() for cell in cells]
            began = reader.line_num + 1
    except csv.Error:
        raise FileError(f"line {began} cannot be read: a quotation mark is open or out of place") from None


def _header(cells: list[str]) -> list[str]:
    names = [COLUMNS.get(cell.lower().strip("\ufeff "), "") for cell in cells]
    if "" in names:
        # Not what it holds: in a file without such a line that is somebody's number.
        known = ", ".join(dict.fromkeys(COLUMNS.values()))
        raise FileError(
            f"column {names.index('') + 1} is not known; the first line must name the columns, of these: {known}"
        )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise FileError(f"column {min(twice)} is there twice")
    if not {"phone", "card_no"} & set(names):
        raise FileError("the first line must name a column phone or card_no")
    return names


def _customer(
    line: int, cells: list[str], header: list[str], currency: str, first: dict[tuple[str, str], int]
) -> NewCustomer | list[LineError]:
    if len(cells) != len(header):
        return [
            _error(line, "line", f"has {len(cells)} cells, and the first line names {len(header)} columns")
        ]
    if any(len(cell) > _LONGEST_CELL for cell in cells):
        return [_error(line, "line", f"has a cell of more than {_LONGEST_CELL} characters")]
    row = dict(zip(header, cells, strict=True))
    errors: list[LineError] = []

    phone = _known(line, "phone", row, normal_phone, errors)
    card_no = _known(line, "card_no", row, normal_card_no, errors)
    if not row.get("phone") and not row.get("card_no"):
        errors.append(_error(line, "phone", "is missing, and so is card_no: nobody could be this customer"))
    if row.get("name"):
        errors.append(_error(line, "name", "is not brought in: leave the column out or empty"))
    language = (row.get("language") or "zh").lower()
    if language not in LANGUAGES:
        errors.append(_error(line, "language", f"must be one of {', '.join(sorted(LANGUAGES))}, or empty"))
    amounts = {field: _minor(line, field, row, currency, errors) for field in ("balance", "bonus")}
    for field, known in (("phone", phone), ("card_no", card_no)):
        if known is not None:
            earlier = first.setdefault((field, known), line)
            if earlier != line:
                errors.append(_error(line, field, f"is the same as in line {earlier}"))
    if errors:
        return errors
    return NewCustomer(
        line=line,
        phone=phone,
        card_no=card_no,
        language=language,
        balance_minor=amounts["balance"],
        bonus_minor=amounts["bonus"],
    )


def _known(
    line: int, field: str, row: Mapping[str, str], normal: Callable[[str], str], errors: list[LineError]
) -> str | None:
    try:
        return normal(row[field]) if row.get(field) else None
    except FieldError as error:
        errors.append(_error(line, field, error.reason))
        return None


def _minor(line: int, field: str, row: Mapping[str, str], currency: str, errors: list[LineError]) -> int:
    text = row.get(field, "")
    if not text:
        return 0
    try:
        minor = parse_amount(text, currency)
    except MoneyError:
        errors.append(_error(line, field, f"is no plain amount of {currency} such as 12.50"))
        return 0
    if minor > MOST_MINOR:
        errors.append(_error(line, field, "is larger than any customer's can be"))
    return minor


def _error(line: int, field: str, reason: str) -> LineError:
    return LineError(line=line, field=field, reason=reason)
