"""What an operator asks of customers and gives them: the rules that are its own to choose."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.rows import one
from coinslot.wire.ids import OperatorId

MAX_POINTS_PER_MAJOR: Final = 1000
PHONE_TRUST_DAYS: Final = range(7, 3651)
MAX_HELP_PHONE: Final = 40
MAX_REFUND_ALONE: Final = 1_000_000_000
MAX_PAUSE_S: Final = 3600


class RealNameRule(StrEnum):
    """Whether customers say who they are."""

    NOT_ASKED = "not_asked"
    """A phone number is enough."""
    BEFORE_FIRST_USE = "before_first_use"
    """Nobody starts anything before a real name was approved."""


class OperatorRules(Struct, frozen=True, kw_only=True):
    """One operator's choices."""

    real_name: RealNameRule
    points_per_major: int
    """Points for each major unit captured (a yuan, a euro), parts rounded down."""
    phone_trust_days: int
    """A number that nobody proved for so long may have been given to somebody else."""
    refund_alone_minor: int = 50_00
    """What one member of staff may give back in a day without a second person who agrees."""
    pause_s: int = 300
    """For how long a user may pause a session, all its pauses together; 0: not at all."""


_COLUMNS = "real_name, points_per_major, phone_trust_days, refund_alone_minor, pause_s"


async def find_rules(connection: Connection, operator_id: OperatorId) -> OperatorRules:
    """The rules in force. MissingError when there is no such operator."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM operator WHERE operator_id = $1", operator_id)
    if row is None:
        raise MissingError("operator", operator_id)
    return one(row, OperatorRules)


async def set_rules(
    connection: Connection,
    operator_id: OperatorId,
    *,
    real_name: RealNameRule | None = None,
    points_per_major: int | None = None,
    phone_trust_days: int | None = None,
    help_phone: str | None = None,
    refund_alone_minor: int | None = None,
    pause_s: int | None = None,
    by: str,
) -> OperatorRules:
    """Change the rules that are given and leave the others; they hold from the next start on. FieldError, MissingError."""
    _check(points_per_major, phone_trust_days)
    if refund_alone_minor is not None and not 0 <= refund_alone_minor <= MAX_REFUND_ALONE:
        raise FieldError("refund_alone_minor", f"must be 0 to {MAX_REFUND_ALONE}, not {refund_alone_minor}")
    if pause_s is not None and not 0 <= pause_s <= MAX_PAUSE_S:
        raise FieldError("pause_s", f"must be 0 to {MAX_PAUSE_S} seconds, not {pause_s}")
    chosen = {
        "real_name": None if real_name is None else real_name.value,
        "points_per_major": points_per_major,
        "phone_trust_days": phone_trust_days,
        "help_phone": None if help_phone is None else _check_help_phone(help_phone),
        "refund_alone_minor": refund_alone_minor,
        "pause_s": pause_s,
    }
    changed = {name: value for name, value in chosen.items() if value is not None}
    async with connection.transaction():
        row = await connection.fetchrow(
            "UPDATE operator SET real_name = COALESCE($2, real_name),"
            " points_per_major = COALESCE($3, points_per_major),"
            " phone_trust_days = COALESCE($4, phone_trust_days), help_phone = COALESCE($5, help_phone),"
            " refund_alone_minor = COALESCE($6, refund_alone_minor), pause_s = COALESCE($7, pause_s)"
            f" WHERE operator_id = $1 RETURNING {_COLUMNS}",
            operator_id,
            *chosen.values(),
        )
        if row is None:
            raise MissingError("operator", operator_id)
        if changed:
            # A phone number is in no audit row, not even a public one: whoever reads along cannot tell.
            said = " ".join(
                name if name == "help_phone" else f"{name}={value}" for name, value in changed.items()
            )
            await write_audit(
                connection, operator_id, by=by, action="operator.rules", target=operator_id, detail=said
            )
    return one(row, OperatorRules)


def _check(points_per_major: int | None, phone_trust_days: int | None) -> None:
    if points_per_major is not None and not 0 <= points_per_major <= MAX_POINTS_PER_MAJOR:
        raise FieldError("points_per_major", f"must be 0 to {MAX_POINTS_PER_MAJOR}, not {points_per_major}")
    if phone_trust_days is not None and phone_trust_days not in PHONE_TRUST_DAYS:
        first, last = PHONE_TRUST_DAYS[0], PHONE_TRUST_DAYS[-1]
        raise FieldError("phone_trust_days", f"must be {first} to {last}, not {phone_trust_days}")


def _check_help_phone(text: str) -> str:
    phone = " ".join(text.split())
    if len(phone) > MAX_HELP_PHONE or not phone.isprintable():
        raise FieldError("help_phone", f"may be at most {MAX_HELP_PHONE} printable characters")
    return phone
