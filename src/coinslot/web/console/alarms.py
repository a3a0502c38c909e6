"""What is wrong with appliances and terminals: what stands with what to do about it, and what is over."""

from __future__ import annotations

import re
from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.fields import MissingError
from coinslot.settlement.alarms import KEPT, MOST, AlarmRow, past_alarms, put_away, standing_alarms
from coinslot.settlement.changes import AlarmKind
from coinslot.settlement.payments.unit import transaction
from coinslot.settlement.points import Purpose
from coinslot.web.console import alarm_words
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.wire.ids import is_id
from coinslot.wire.records import FaultCode

_PATH: Final = "/console/alarms"
_number = re.compile(r"[0-9]{1,18}")
_FAULTS: Final = frozenset(code.value for code in FaultCode)


class AlarmLine(Struct, frozen=True, kw_only=True):
    """An alarm as the page shows it."""

    id: int
    name: str
    colour: str
    place: str
    since: str
    over: str
    detail: str
    session: str
    """The use in which it came, for whoever may see it."""
    next: str
    by_hand: bool


@get(_PATH)
async def alarms_page(staffed: StaffedOf) -> Response[bytes]:
    """All that stands, and the last 30 days."""
    standing = await standing_alarms(staffed.pool, staffed.operator)
    past = await past_alarms(staffed.pool, staffed.operator)
    return staffed.show(
        "console/alarms.html",
        standing=[_line(staffed, row) for row in standing],
        past=[_line(staffed, row) for row in past],
        days=KEPT.days,
        most=MOST,
        may_act=staffed.may("POST", f"{_PATH}/{{alarm_id}}/put-away"),
    )


@post(f"{_PATH}/{{alarm_id:str}}/put-away", status_code=200)
async def put_it_away(staffed: StaffedOf, alarm_id: FromPath[str]) -> Response[bytes]:
    """Somebody has looked at what nothing else ends."""
    await staffed.form()
    if not _number.fullmatch(alarm_id):
        raise MissingError("alarm", alarm_id[:20])
    async with transaction(staffed.pool, Purpose.DECIDE) as connection:
        await put_away(connection, staffed.operator, int(alarm_id), by=staffed.by)
    return staffed.go(_PATH)


def _line(staffed: Staffed, row: AlarmRow) -> AlarmLine:
    told = alarm_words.words_of(row)
    fault = row.kind in _FAULTS
    of_site = row.kind == AlarmKind.SWEEP and row.outlet is None
    seen = fault and is_id(row.detail) and staffed.may("GET", "/console/sessions/{session_id}")
    steps = (told.next, alarm_words.then_of(row))
    return AlarmLine(
        id=row.alarm_id,
        name=staffed.say(told.name),
        colour="bad" if fault or row.kind == AlarmKind.SWEEP else "warn",
        place=row.site if of_site else " · ".join(part for part in (row.site, _where(row)) if part),
        since=staffed.moment(row.raised_at),
        over=staffed.moment(row.cleared_at),
        detail="" if fault else alarm_words.detail_of(staffed, row),
        session=row.detail if seen else "",
        next=" ".join(staffed.say(step) for step in steps if step),
        by_hand=row.by_hand,
    )


def _where(row: AlarmRow) -> str:
    """The appliance, and its terminal where that has another name."""
    if not row.appliance:
        return row.terminal
    if row.terminal in row.appliance:
        return row.appliance
    return f"{row.appliance} · {row.terminal}"


ALARMS: Final[list[HTTPRouteHandler]] = [alarms_page, put_it_away]
