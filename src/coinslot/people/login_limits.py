"""Whether one more code may be asked for, and one more tried: the limits of `login_rules` against the table.

Every count is taken while one lock is held, the same for the whole installation, because some limits are the
whole installation's. It is held for a few milliseconds, and never while anything but codes is waited for. Who is
over a limit already is turned away before the lock, so that a flood does not queue for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from coinslot.audit import Connection
from coinslot.fields import InputError
from coinslot.people.login_rules import (
    INSTALLATION_LIMITS,
    INSTALLATION_WRONG,
    OPERATOR_LIMITS,
    OPERATOR_WRONG,
    PHONE_LIMITS,
    SHARE_LIMITS,
    SOURCE_LIMITS,
    SOURCE_WRONG,
    Limit,
    again_at,
)
from coinslot.wire.ids import OperatorId


class TooManyCodes(InputError):
    """No code for now; from `again_at` on there is room. Which limit it was is not told."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"phone: too many codes were asked for; ask again from {at:%H:%M:%S} UTC on")
        self.again_at = at


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what, as the table knows it; the first hash of each is by the secret in force."""

    operator_id: OperatorId
    phone_hashes: list[bytes]
    source_hashes: list[bytes]


async def lock_limits(connection: Connection) -> None:
    """Wait until nobody else counts or changes codes; until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('coinslot login codes', 0))")


async def check_room(connection: Connection, asked: Asked) -> datetime:
    """The database's time. TooManyCodes if any limit is reached."""
    row = await connection.fetchrow(_ASK_ROOM, asked.operator_id, asked.phone_hashes, asked.source_hashes)
    assert row is not None  # a SELECT without FROM has one row
    now: datetime = row["now"]
    later = again_at(_LIMITS, row["nth_last"], now)
    if later is not None:
        raise TooManyCodes(later)
    return now


async def wrong_tries_exhausted(connection: Connection, operator_id: OperatorId, source_hash: bytes) -> bool:
    """Whether so many wrong codes were tried lately that none is compared any more.

    `source_hash`: who asked for the code in question.
    """
    row = await connection.fetchrow(_TRY_ROOM, operator_id, [source_hash])
    assert row is not None  # as above
    return again_at(_WRONG_LIMITS, row["nth_last"], row["now"]) is not None


def _since(limit: Limit) -> str:
    return f"made_at > now() - interval '{limit.within.total_seconds():.0f} s'"


def _nth_last(which: str, limit: Limit) -> str:
    """When the last but `at_most - 1` of these codes was made.

    OFFSET 0 keeps the planner from reading all codes by time until it has met enough of these, which it did
    without statistics: 90 ms instead of 1 ms for a day of 70,000 codes, and the lock is held meanwhile.
    """
    these = f"SELECT made_at FROM login_code WHERE {_since(limit)} {which} OFFSET 0"
    return (
        f"(SELECT made_at FROM ({these}) AS these ORDER BY made_at DESC OFFSET {limit.at_most - 1} LIMIT 1)"
    )


def _nth_last_wrong(which: str, limit: Limit) -> str:
    """When the code was made with which the newest wrong tries, counted backwards, come to the limit.

    A code lives for minutes, so when it was made stands for when it was tried.
    """
    return (
        "(SELECT made_at FROM (SELECT made_at, sum(tries) OVER (ORDER BY made_at DESC, login_code_id) AS so_far"
        f" FROM guessed WHERE {_since(limit)} {which}) AS wrong"
        f" WHERE so_far >= {limit.at_most} ORDER BY made_at DESC LIMIT 1)"
    )


_WRONG_LIMITS = (SOURCE_WRONG, OPERATOR_WRONG, INSTALLATION_WRONG)
_LIMITS = (
    *PHONE_LIMITS,
    *SHARE_LIMITS,
    *SOURCE_LIMITS,
    *OPERATOR_LIMITS,
    *INSTALLATION_LIMITS,
    *_WRONG_LIMITS,
)


def _wrong(sources: str) -> tuple[str, ...]:
    """For each of the limits on wrong tries; `sources` is the parameter with the hashes."""
    return (
        _nth_last_wrong(f"AND source_hash = ANY ({sources}::bytea[])", SOURCE_WRONG),
        _nth_last_wrong("AND operator_id = $1", OPERATOR_WRONG),
        _nth_last_wrong("", INSTALLATION_WRONG),
    )


def _query(*nth_last: str) -> str:
    """Built from constants of this project alone: what somebody sent goes in as a parameter."""
    longest = max(_WRONG_LIMITS, key=lambda limit: limit.within)
    return (
        "WITH guessed AS MATERIALIZED (SELECT operator_id, login_code_id, source_hash, made_at, tries"
        f" FROM login_code WHERE tries > 0 AND {_since(longest)})"
        f" SELECT clock_timestamp() AS now, ARRAY[{', '.join(nth_last)}] AS nth_last"
    )


_ASK_ROOM = _query(
    *(_nth_last("AND phone_hash = ANY ($2::bytea[])", limit) for limit in PHONE_LIMITS),
    *(
        _nth_last("AND phone_hash = ANY ($2::bytea[]) AND source_hash = ANY ($3::bytea[])", limit)
        for limit in SHARE_LIMITS
    ),
    *(_nth_last("AND source_hash = ANY ($3::bytea[])", limit) for limit in SOURCE_LIMITS),
    *(_nth_last("AND operator_id = $1", limit) for limit in OPERATOR_LIMITS),
    *(_nth_last("", limit) for limit in INSTALLATION_LIMITS),
    *_wrong("$3"),
)
_TRY_ROOM = _query(*_wrong("$2"))
