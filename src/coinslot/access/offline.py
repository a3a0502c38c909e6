"""Codes for the time without a link: OpenPAYGO tokens of nine digits, one outlet's own key, one capped credit.

Pure. The server makes them, the terminal verifies them; both by the library `openpaygo`, loaded when it is first
needed, since a terminal may never need it.

Of all tokens of a key only those that add time are taken, and of those exactly one value for each count. The value
follows from the key and the count (`value_of`): if it were the same for all, the last three digits of every code of
an outlet would be the same, and whoever once had one would guess the next among a million instead of a milliard.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import StrEnum

from msgspec import Struct

from coinslot.wire.ids import ID_PATTERN
from coinslot.wire.messages import Offline

DIGITS = 9
JUMP = 16
"""How far beyond the highest burnt count a code may be, and how far below it one that was passed over."""
MOST_UNBURNT = JUMP // 2
"""Codes of one outlet made and not yet burnt: tokens that add time have even counts."""
REKEY_COUNT = 600
"""From here on new terms are due: decoding takes longer with each count."""
MOST_COUNT = 1_000
"""No code beyond it, whatever the terms say: a key is not for ever, and decoding must stay short."""
VALUES = 996
"""Token values that add time: 0 … 995."""

_nine = re.compile(r"[0-9]{9}", re.ASCII)
_session = re.compile(r"off_([A-Za-z0-9_-]{1,30})_([1-9][0-9]{0,3})")
_id = re.compile(ID_PATTERN)


class Refusal(StrEnum):
    """Why digits are no code here. All but the first count as a try."""

    NOT_NINE = "not_nine"
    """Not nine digits: nothing that could be one."""
    WRONG = "wrong"
    """No code of this outlet's key, or one that was never to be made: another value, another kind, too far ahead."""
    USED = "used"
    """Its count is burnt, or lies before the first one."""


class Promise(Struct, frozen=True):
    """What the id of a session under offline terms says."""

    terms: str
    count: int


def session_id(terms_id: str, count: int) -> str:
    """The id of the session that a code opens: both sides know it without having spoken. ValueError where the id of
    the terms has more than 30 characters, or the count cannot be one."""
    session = f"off_{terms_id}_{count}"
    if parse(session) != Promise(terms_id, count) or _id.match(session) is None:
        raise ValueError(f"no session under the terms {terms_id!r} at count {count}")
    return session


def parse(session: str) -> Promise | None:
    """The terms and the count of such an id; None for any other."""
    found = _session.fullmatch(session)
    return None if found is None else Promise(found[1], int(found[2]))


def value_of(key_hex: str, value: int, count: int) -> int:
    """The one token value that is good at a count: the terms' own, moved by a SipHash of the count under the key."""
    from openpaygo.token_shared import OpenPAYGOTokenShared as Shared

    key = Shared.load_secret_key_from_hex(key_hex)
    return (value + int(Shared.generate_hash(key, b"value" + count.to_bytes(4, "big")))) % VALUES


def make_code(key_hex: str, starting_code: int, value: int, count: int) -> tuple[str, int]:
    """The next code after a count, and the count it uses: an even one above it. A count whose digits meet those of
    another count is passed over. ValueError beyond the last count."""
    from openpaygo import OpenPAYGOTokenEncoder

    while True:
        # An even count gives the next even one, whose value must be known beforehand.
        used = count + 1 if count % 2 else count + 2
        if used > MOST_COUNT:
            raise ValueError(f"count {used} is beyond {MOST_COUNT}: new terms are due")
        made, digits = OpenPAYGOTokenEncoder.generate_token(
            key_hex, count, value_of(key_hex, value, used), starting_code=starting_code
        )
        if made == used and _counts(key_hex, starting_code, digits, used + 4 * JUMP) == [used]:
            return str(digits), used
        count = used


def in_reach(count: int, first: int, burnt: Iterable[int], unburnt: Collection[int]) -> bool:
    """Whether a code made at this count, beside those unburnt, would be taken in whichever order they are typed:
    for whoever makes one. `burnt`: counts that the server knows to be; `first`: the terms'."""
    ahead = count <= max((first, *burnt)) + JUMP
    return ahead and len(unburnt) < MOST_UNBURNT and count < min(unburnt, default=count) + JUMP


def verify(terms: Offline, digits: str, burnt: Collection[int]) -> int | Refusal:
    """The count of a code that may open now, or why not. `burnt`: every count of these terms that was used."""
    if _nine.fullmatch(digits) is None:
        return Refusal.NOT_NINE
    highest = max((terms.count, *burnt))
    if not terms.key or highest > MOST_COUNT:
        return Refusal.WRONG
    from openpaygo import OpenPAYGOTokenDecoder, TokenType

    # `used_counts` must hold something from the first: given an empty list the library keeps none, and takes a code
    # again. `value_divider=0`: the value stays an integer.
    value, kind, count, _ = OpenPAYGOTokenDecoder.decode_token(
        digits,
        terms.key,
        highest,
        used_counts=sorted({terms.count, *burnt}),
        starting_code=terms.starting_code,
        value_divider=0,
    )
    if kind == TokenType.ALREADY_USED:
        return Refusal.USED
    if kind != TokenType.ADD_TIME or value is None or count is None:
        return Refusal.WRONG
    if count > min(highest + JUMP, MOST_COUNT) or value != value_of(terms.key, terms.value, count):
        return Refusal.WRONG
    return Refusal.USED if count <= terms.count or count in burnt else int(count)


def _counts(key_hex: str, starting_code: int, digits: str, up_to: int) -> list[int]:
    """Every count, of any kind, at which the same digits would come up."""
    from openpaygo.token_shared import OpenPAYGOTokenShared as Shared

    key = Shared.load_secret_key_from_hex(key_hex)
    base = Shared.get_token_base(digits)
    code = Shared.put_base_in_token(starting_code or Shared.generate_starting_code(key), base)
    found = []
    for count in range(up_to + 1):
        if Shared.put_base_in_token(code, base) == int(digits):
            found.append(count)
        code = Shared.generate_next_token(code, key)
    return found
