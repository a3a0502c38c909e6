"""One session as staff see it: its states, what was used, how the charge came about, who has which part of it."""

from __future__ import annotations

from typing import Final, NamedTuple

from litestar import get
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import MissingError
from coinslot.payments.model import Why
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.payments.refund_requests import What, requests_about
from coinslot.sharing import Frozen, SharingError, thaw
from coinslot.web import reading
from coinslot.web.console import words
from coinslot.web.console.entries import EntryShown, entries_of_session
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.console.timeline import Event
from coinslot.web.console.words import Said
from coinslot.web.customer import bill_text
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.views import view_of

_PLACE: Final = """
    SELECT a.name AS appliance, a.code, a.room, i.name AS site, t.name AS terminal
    FROM session s
    JOIN appliance a ON a.operator_id = s.operator_id AND a.appliance_id = s.appliance_id
    JOIN site i ON i.operator_id = a.operator_id AND i.site_id = a.site_id
    JOIN terminal t ON t.operator_id = s.operator_id AND t.terminal_id = s.terminal_id
    WHERE s.operator_id = $1 AND s.session_id = $2
"""
_NAMES: Final = "SELECT party_id, name FROM party WHERE operator_id = $1 AND party_id = ANY ($2)"
STATE: Final = {
    State.AUTHORIZED: Said(marked("Being started"), "soft"),
    State.PROMISED: Said(marked("Code given for the time without a link"), "soft"),
    State.UNKNOWN: Said(marked("Nobody knows yet whether it started"), "warn"),
    State.RUNNING: Said(marked("In use now")),
    State.STOPPING: Said(marked("Being stopped")),
    State.SETTLED: Said(marked("Session settled")),
    State.RELEASED: Said(marked("Not used, nothing charged"), "soft"),
    State.LATE: Said(marked("Reported late"), "warn"),
}
_STOPPED: Final = {
    "key": marked("Stopped on the appliance"),
    "command": marked("Stopped by the server"),
    "limit": marked("Stopped at its limit"),
    "idle": marked("Stopped since nothing flowed"),
    "power_loss": marked("The appliance lost its power"),
    "fault": marked("The appliance stopped it to be safe"),
}


class ShareRow(NamedTuple):
    """What one holder has of the charge."""

    name: str
    part: str
    """By the agreement."""
    amount_minor: int
    party: str


@get("/console/sessions/{session_id:str}")
async def session_page(staffed: StaffedOf, session_id: FromPath[str]) -> Response[bytes]:
    """One session."""
    pool, operator = staffed.pool, staffed.operator
    session = await reading.find_session(pool, operator, session_id)
    if session is None:
        raise MissingError("session", session_id)
    place = await pool.fetchrow(_PLACE, operator, session_id)
    assert place is not None  # its keys say so
    view = view_of(session)
    bill = view.bill
    page = staffed.page
    entries = await entries_of_session(staffed, session.id)
    return staffed.show(
        "console/session.html",
        session=session,
        place=place,
        bill=bill,
        state=STATE[session.state],
        events=_events(staffed, session),
        used=[] if bill is None else bill_text.use_lines(page, bill, session.duration_ms, 0),
        working=[] if bill is None else bill_text.working(page, bill, view.quote, session),
        quote=view.quote,
        agreement=_agreement(session),
        shares=await _shares(staffed, session, entries),
        entries=entries if staffed.may("GET", "/console/entries/{entry_id}") else [],
        reviews=await reading.list_reviews(pool, operator, session.id),
        requests=await requests_about(pool, operator, What.SESSION, session.id),
        may_refund=session.state is State.SETTLED
        and staffed.may("POST", "/console/sessions/{session_id}/refund"),
        words=words,
        why=words.WHY[Why.SESSION],
    )


def _events(staffed: Staffed, session: Session) -> list[Event]:
    held = figures.money(session.hold_minor, session.currency)
    events = [
        Event(session.created_at, staffed.say("Authorized, %(amount)s set aside", amount=held), "", "soft")
    ]
    if session.started_at is not None:
        events.append(Event(session.started_at, staffed.say("Started")))
    if session.stop_asked_at is not None:
        events.append(Event(session.stop_asked_at, staffed.say("Asked to stop"), "", "soft"))
    if session.stopped_at is not None:
        reason = staffed.say(_STOPPED.get(session.stop_reason or "", marked("Stopped")))
        events.append(Event(session.stopped_at, reason, "", "bad" if session.cut_short else ""))
    if session.settled_at is not None:
        said = STATE[session.state]
        events.append(Event(session.settled_at, staffed.say(said.word), "", said.kind))
    return sorted(events, key=lambda event: event.at)


def _agreement(session: Session) -> Frozen | None:
    if not session.sharing:
        return None
    try:
        return thaw(session.sharing)
    except SharingError:
        return None  # what was posted is shown all the same


async def _shares(staffed: Staffed, session: Session, entries: list[EntryShown]) -> list[ShareRow]:
    """What each holder has of it by the ledger, refunds taken off; the operator's own last."""
    held: dict[str, int] = {}
    for entry in entries:
        for leg in entry.postings:
            if leg.party or leg.account == "operator/revenue":
                held[leg.party] = held.get(leg.party, 0) + leg.amount_minor
    frozen = _agreement(session)
    parts = {} if frozen is None else {str(part.party): part for part in frozen.parts}
    parties = sorted({*held, *parts} - {""})
    rows = await staffed.pool.fetch(_NAMES, staffed.operator, parties)
    names = {row["party_id"]: row["name"] for row in rows}
    shares = [
        ShareRow(
            names.get(party, party),
            ""
            if party not in parts
            else _part(parts[party].share_ppm, parts[party].fixed_minor, session.currency),
            held.get(party, 0),
            party,
        )
        for party in parties
    ]
    return [*shares, ShareRow(staffed.who.operator, "", held.get("", 0), "")] if held else shares


def _part(share_ppm: int, fixed_minor: int, currency: str) -> str:
    percent, rest = divmod(share_ppm, 10_000)
    share = f"{percent}.{rest:04d}".rstrip("0").rstrip(".") + " %" if share_ppm else ""
    fixed = figures.money(fixed_minor, currency) if fixed_minor else ""
    return " + ".join(filter(None, (fixed, share)))
