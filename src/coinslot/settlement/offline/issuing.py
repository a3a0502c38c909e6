"""A code for the time without the link: asked for, judged, its money held and its session promised in one transaction.

Locks, in this order: the keypad's guard, the terminal, its customer's wallet. Whoever applies the terminal's records
waits at the terminal, so that no code is made past a record that changes what is burnt.
"""

from __future__ import annotations

import hashlib
from typing import Final

import asyncpg
from msgspec.structs import replace

from coinslot.access.odds import Kind
from coinslot.access.offline import MOST_UNBURNT, in_reach, make_code, session_id
from coinslot.keyring import Keyring
from coinslot.ledger.events import hold
from coinslot.sessions.decide import GIVE_UP_AFTER, PROMISE_LIFE, next_wake
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Purse, Terminal
from coinslot.settlement.codes import guard
from coinslot.settlement.codes.caps import fits, live_at
from coinslot.settlement.codes.places import of_appliance
from coinslot.settlement.offline import keys
from coinslot.settlement.offline.judging import money, quota, standing
from coinslot.settlement.offline.model import (
    OfflineCode,
    OfflineOffer,
    OfflineRefusal,
    OfflineRefused,
    OfflineState,
)
from coinslot.settlement.offline.reading import code_of, codes_of, place_of
from coinslot.settlement.offline.rows import Terms, add_code, burnt_counts, terms_in_force, unburnt
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import StartBatch, StartRequest, StartView, Wallet
from coinslot.settlement.store import PostgresUnit
from coinslot.sharing import Place
from coinslot.wire.ids import ApplianceId, CommandId, CustomerId, OperatorId, SessionId

__all__ = [
    "OfflineCode",
    "OfflineOffer",
    "OfflineRefusal",
    "OfflineRefused",
    "OfflineState",
    "issue_offline",
    "offer",
    "offline_codes",
]

_TRIES: Final = 4
MOST_OPEN: Final = 2
"""A customer's codes whose money is still held, at one operator: the one that can be typed, and one before it."""
_OTHERS: Final = """
    SELECT s.session_id, s.stop_asked_at IS NULL AND c.burnt_at IS NULL
        AND s.created_at > clock_timestamp() - $3::interval AS live
    FROM (SELECT * FROM offline_code x WHERE x.customer_id = $2 AND x.operator_id || '' = $1
          ORDER BY x.made_at DESC LIMIT 20) c
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.operator_id = c.operator_id AND x.session_id = c.session_id AND x.state = 'promised' OFFSET 0) s
"""


async def offer(
    pool: Pool, *, operator: OperatorId, appliance: ApplianceId, outlet: int
) -> OfflineOffer | None:
    """What a code for this outlet would hold, whether one can be had now or not; None where none can ever be had."""
    place = await place_of(pool, operator, appliance, outlet)
    if place is None or place.closed or not place.sold:
        return None
    terms = await terms_in_force(pool, place.terminal_id, outlet)
    if terms is None or not terms.held or terms.appliance_id != appliance:
        return None
    return OfflineOffer(
        operator=operator,
        appliance=appliance,
        terminal=place.terminal_id,
        outlet=outlet,
        credit_minor=terms.credit_minor,
        currency=terms.currency,
        quote=terms.quote,
        limits=terms.limits,
        link_down=not place.online,
    )


async def issue_offline(
    pool: Pool,
    keyring: Keyring,
    *,
    operator: OperatorId,
    customer: CustomerId,
    appliance: ApplianceId,
    outlet: int,
    key: str,
) -> OfflineCode | OfflineRefused:
    """A code, or why not. The same key twice is the same code, also when its digits are over.

    Conflict, or one of `UNDECIDABLE`, when it cannot be decided; nothing is held then.
    """
    place = await place_of(pool, operator, appliance, outlet)
    if place is None:
        return OfflineRefused(reason=OfflineRefusal.NO_SUCH_PLACE)
    if not place.sold:
        return OfflineRefused(reason=OfflineRefusal.NOT_HERE)
    request = StartRequest(
        operator=operator,
        customer=customer,
        terminal=place.terminal_id,
        outlet=outlet,
        key=f"offline:{key}",
    )
    failed: Exception = Conflict()
    for _ in range(_TRIES):
        try:
            async with transaction(pool, Purpose.OFFLINE) as connection:
                answer = await _issue(connection, keyring, request, appliance)
            break
        except (Conflict, asyncpg.UniqueViolationError) as error:
            failed = error  # the same key at the same moment: the next try finds what the other made
    else:
        raise Conflict(str(failed)) from failed
    if isinstance(answer, OfflineRefused):
        return answer
    code = await code_of(pool, keyring, operator, customer, answer)
    assert code is not None, "what is committed can be read"
    return code


async def offline_codes(
    pool: Pool, keyring: Keyring, *, operator: OperatorId, customer: CustomerId
) -> list[OfflineCode]:
    """The customer's codes that can be typed or still hold money, and those of the last day; the newest first."""
    return await codes_of(pool, keyring, operator, customer)


async def _issue(
    connection: Connection, keyring: Keyring, request: StartRequest, appliance: ApplianceId
) -> SessionId | OfflineRefused:
    await guard.lock(connection, request.operator, [(request.terminal, request.outlet)])
    unit = PostgresUnit(connection)
    opened = await unit.open_starts([request])
    view, terminal = opened.views[0], opened.batch.terminals.get(request.terminal)
    digest = _digest(request)
    if view.earlier is not None:
        same = view.earlier.request_hash == digest
        return view.earlier.id if same else OfflineRefused(reason=OfflineRefusal.KEY_CONFLICT)
    refusal = standing(view, terminal, appliance, opened.batch.now)
    if refusal is not None:
        return refusal
    assert terminal is not None
    terms = await terms_in_force(connection, request.terminal, request.outlet)
    if terms is None or not terms.held or terms.appliance_id != appliance or terms.epoch != terminal.epoch:
        return OfflineRefused(reason=OfflineRefusal.NOT_HERE)
    secret = keys.key_hex(keyring, terms.terms_id, terms.key_check)
    if secret is None:
        return OfflineRefused(reason=OfflineRefusal.NOT_HERE)
    assert request.customer is not None
    wallet = opened.wallets.get(Purse(request.operator, request.customer, terms.currency), Wallet())
    refused = quota(request, opened, terms) or money(wallet, terms) or await _others(connection, request)
    if refused is not None:
        return refused
    try:
        digits, count = make_code(secret, terms.starting_code, terms.value, terms.last_count)
    except ValueError:
        return OfflineRefused(reason=OfflineRefusal.TOO_MANY)  # new terms are due, and come with the link
    if not (await _reaches(connection, terms, count) and await _is_rare(connection, request, appliance)):
        return OfflineRefused(reason=OfflineRefusal.TOO_MANY)
    session = _session(request, opened, terminal, terms, count, wallet)
    _hold(opened, session)
    await unit.save(opened.batch)
    keypad = keys.digits_mac(keyring, session.operator, session.terminal, session.outlet, digits)
    await add_code(connection, session, terms, keypad)
    return session.id


async def _others(connection: Connection, request: StartRequest) -> OfflineRefused | None:
    """One that can be typed is enough for a customer; and nobody is to fill an outlet with codes taken back."""
    held = await connection.fetch(_OTHERS, request.operator, request.customer, PROMISE_LIFE)
    for row in held:
        if row["live"]:
            return OfflineRefused(reason=OfflineRefusal.ALREADY_LIVE, session=SessionId(row["session_id"]))
    return OfflineRefused(reason=OfflineRefusal.TOO_MANY) if len(held) >= MOST_OPEN else None


async def _is_rare(connection: Connection, request: StartRequest, appliance: ApplianceId) -> bool:
    """Whether guessing stays as unlikely as it must, with one more that the keypad takes once its link is back."""
    keypads = await of_appliance(connection, request.operator, appliance, request.outlet)
    return fits(Kind.PROMISED, (await live_at(connection, request.operator, keypads)).values())


async def _reaches(connection: Connection, terms: Terms, count: int) -> bool:
    """Whether the terminal would take it, in whichever order this and the codes before it are typed."""
    open_here = await unburnt(connection, terms.terminal_id, terms.outlet)
    burnt = await burnt_counts(connection, terms.terms_id)
    own = [code.count for code in open_here if code.terms_id == terms.terms_id]
    return len(open_here) < MOST_UNBURNT and in_reach(count, terms.first_count, burnt, own)


def _digest(request: StartRequest) -> bytes:
    """Another one under the same key is a conflict."""
    return hashlib.sha256(b"offline\0" + request.digest()).digest()


def _session(
    request: StartRequest,
    opened: StartBatch,
    terminal: Terminal,
    terms: Terms,
    count: int,
    wallet: Wallet,
) -> Session:
    """The promised session: nothing is sent for it, so it has neither link nor expiry of its own yet."""
    view, now = opened.views[0], opened.batch.now
    principal = min(wallet.principal_minor, terms.credit_minor)
    name = session_id(terms.terms_id, count)
    session = Session(
        operator=request.operator,
        id=SessionId(name),
        customer=request.customer,
        appliance=view.appliance,
        terminal=request.terminal,
        outlet=request.outlet,
        state=State.PROMISED,
        command=CommandId(name),  # as the terminal names the start that it makes of the code by itself
        request_key=request.key,
        request_hash=_digest(request),
        currency=terms.currency,
        quote=terms.quote,
        limits=terms.limits,
        hold_principal_minor=principal,
        hold_bonus_minor=terms.credit_minor - principal,
        link=terminal.link,
        expires_at_ms=0,
        expired_at=now + PROMISE_LIFE,
        give_up_at=now + GIVE_UP_AFTER,
        wake_at=None,
        meter_spec=view.meter_spec,
        sharing=_sharing(view, opened),
        language=view.language,
        balance_minor=wallet.balance_minor - terms.credit_minor,
        token=count,
        epoch=terminal.epoch,
        created_at=now,
    )
    return replace(session, wake_at=next_wake(session, now))


def _sharing(view: StartView, opened: StartBatch) -> str:
    if view.agreements is None:
        return ""
    return view.agreements.frozen_text(Place(view.site, view.kind, view.appliance), opened.batch.now)


def _hold(opened: StartBatch, session: Session) -> None:
    """Nothing is counted towards an allowance or a tier: the quote knows of none."""
    assert session.customer is not None
    opened.batch.entries.append(
        hold(
            session.operator,
            session.id,
            session.customer,
            session.currency,
            principal_minor=session.hold_principal_minor,
            bonus_minor=session.hold_bonus_minor,
        )
    )
    opened.batch.new_sessions.append(session)
    opened.batch.know(session)
