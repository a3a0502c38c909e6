"""What every domain says about input it cannot take: which field, and why.

Owns: the errors that name a field or a missing thing, and the rules for names.
Does not decide: how an error is shown; the command line and the web do.
Invariants: no I/O; a message never repeats a secret or a phone number.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MAX_NAME = 80


class InputError(ValueError):
    """Input that cannot be taken; the text is for the person who gave it."""


class FieldError(InputError):
    """One field is wrong: `field` names it, `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class FieldErrors(InputError):
    """Several fields of one form are wrong: `errors` holds each, so that all are put right at once."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class TakenError(FieldError):
    """The value is good, but something else has it already."""


class MissingError(InputError):
    """There is no `kind` called `key`, or it is another operator's: the two look alike on purpose."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"no {kind} {key[:MAX_NAME]!r}")
        self.kind = kind
        self.key = key


def storable(text: str) -> bool:
    """Whether the database can hold `text`: PostgreSQL refuses NUL, UTF-8 refuses half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def search_key(kind: str, key: str) -> str:
    """`key`, fit to be looked up. MissingError when nothing can have it, which a query would not survive."""
    if not storable(key):
        raise MissingError(kind, key)
    return key


def plain_text(text: str) -> str:
    """What somebody wrote, without what no database holds and no reader sees; lines stay lines."""
    kept = (
        sign for sign in text.replace("\r\n", "\n") if sign == "\n" or unicodedata.category(sign)[0] != "C"
    )
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def clean_name(field: str, text: str) -> str:
    """`text` in composed form without outer space. FieldError when it is empty, long or unprintable."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise FieldError(field, "must not be empty")
    if len(name) > MAX_NAME:
        raise FieldError(field, f"may be at most {MAX_NAME} characters, this is {len(name)}")
    # Control and direction characters make one name look like another on a console page.
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in name):
        raise FieldError(field, "may hold printable characters only")
    return name
