"""May this session start, and with how much held? Decided for a whole batch in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from coinslot import tariffs
from coinslot.ledger.events import hold
from coinslot.sessions.decide import GIVE_UP_AFTER, GUEST_GIVE_UP_AFTER, next_wake
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Batch, Purse, Terminal, UseKey
from coinslot.settlement.commands import start_message
from coinslot.settlement.expiry import expiry
from coinslot.settlement.obstacles import afford, obstacle
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Books, Unit
from coinslot.settlement.quotas import left
from coinslot.settlement.requests import (
    Flush,
    Guest,
    Refusal,
    Refused,
    StartAnswer,
    StartBatch,
    StartRequest,
    StartView,
    Wallet,
)
from coinslot.sharing import Place
from coinslot.wire.ids import CommandId, SessionId, TariffId
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register


async def authorize(books: Books, requests: Sequence[StartRequest]) -> tuple[list[StartAnswer], Batch]:
    """Decide these starts in one transaction. The batch's messages are to be sent by the caller."""
    async with books.transaction(Purpose.START) as unit:
        opened, uses = await look(unit, requests)
        answers = plan(requests, opened, uses)
        await unit.save(opened.batch)
    return answers, opened.batch


async def look(unit: Unit, requests: Sequence[StartRequest]) -> tuple[StartBatch, dict[UseKey, int]]:
    """All that `plan` has to know of these requests, locked for the transaction."""
    opened = await unit.open_starts(requests)
    keys = needed_uses(requests, opened)
    return opened, await unit.uses(keys) if keys else {}


def needed_uses(requests: Sequence[StartRequest], opened: StartBatch) -> list[UseKey]:
    """The counters that the tariffs of these requests read."""
    keys = []
    for request, view in zip(requests, opened.views, strict=True):
        if view.tariff is not None and view.earlier is None and request.customer is not None:
            local = _local(opened.batch.now, view.timezone)
            for scope in tariffs.scopes(_tariff(view.tariff_body), local):
                keys.append(_use_key(request, view, scope))
    return keys


def plan(requests: Sequence[StartRequest], opened: StartBatch, uses: dict[UseKey, int]) -> list[StartAnswer]:
    """Answer each request in turn; a later one sees what the earlier ones took."""
    answered: dict[tuple[str, str], Session] = {}
    answers: list[StartAnswer] = []
    for request, view in zip(requests, opened.views, strict=True):
        earlier = view.earlier or answered.get((request.operator, request.key))
        answer = _replayed(request, earlier) if earlier else _decide(request, view, opened, uses)
        if isinstance(answer, Session):
            answered[request.operator, request.key] = answer
        answers.append(answer)
    return answers


def _replayed(request: StartRequest, earlier: Session) -> StartAnswer:
    if earlier.request_hash != request.digest():
        return Refused(reason=Refusal.KEY_CONFLICT)
    return earlier


def _decide(
    request: StartRequest, view: StartView, opened: StartBatch, uses: dict[UseKey, int]
) -> StartAnswer:
    batch = opened.batch
    terminal = batch.terminals.get(request.terminal)
    refused = obstacle(request, view, terminal, batch)
    if refused is not None:
        return refused
    assert terminal is not None
    if request.guest is not None:
        return _admit(request, request.guest, view, batch, terminal)
    if request.flush is not None:
        return _let_run(request, request.flush, view, batch, terminal)
    assert view.tariff is not None
    assert request.customer is not None
    tariff = _tariff(view.tariff_body)
    if not tariff.for_wallets:
        return Refused(reason=Refusal.NO_TARIFF)
    quote = _quote(request, view, batch, uses, tariff)
    wallet = opened.wallets.setdefault(Purse(request.operator, request.customer, tariff.currency), Wallet())
    if wallet.arrears_minor > 0:
        return Refused(reason=Refusal.ARREARS, arrears_minor=wallet.arrears_minor)
    counted = opened.counted.get((request.operator, request.customer))
    rest = left(counted, site=view.site, kind=view.kind, now=batch.now)
    afforded = afford(quote, wallet.balance_minor, request.cap_minor, rest)
    if isinstance(afforded, Refused):
        return afforded
    hold_minor, limits = afforded
    principal = min(wallet.principal_minor, hold_minor)
    session = _session(request, view, batch, terminal, quote, limits)
    session = replace(
        session,
        hold_principal_minor=principal,
        hold_bonus_minor=hold_minor - principal,
        sharing=_sharing(view, batch.now),
        language=view.language,
        # Whoever uses somebody else's money is not told how much there is.
        balance_minor=wallet.balance_minor - hold_minor if request.cap_minor is None else None,
    )
    _take(batch, session, wallet, quote, uses)
    if counted is not None:
        counted.take(site=view.site, kind=view.kind, limits=limits, hold_minor=hold_minor)
    return session


def _admit(
    request: StartRequest, guest: Guest, view: StartView, batch: Batch, terminal: Terminal
) -> StartAnswer:
    """A use that is paid for already: its money is held under the payment, and nothing is posted."""
    quote = tariffs.decode_quote(guest.quote.encode())
    session = _session(request, view, batch, terminal, quote, tariffs.limits(quote, guest.amount_minor))
    session = replace(
        session,
        hold_principal_minor=guest.amount_minor,
        intent=guest.intent,
        merchant=guest.merchant,
        sharing=guest.sharing,
        give_up_at=batch.now + GUEST_GIVE_UP_AFTER,
    )
    _begin(batch, session)
    return session


def _let_run(
    request: StartRequest, flush: Flush, view: StartView, batch: Batch, terminal: Terminal
) -> StartAnswer:
    """Water that nobody pays: by a quote without a price, and nothing is posted."""
    quote = tariffs.free_quote(flush.currency, limit_ml=flush.limit_ml, limit_s=flush.limit_s)
    session = _session(request, view, batch, terminal, quote, tariffs.limits(quote, 0))
    session = replace(session, flush_by=flush.by)
    _begin(batch, session)
    return session


def _quote(
    request: StartRequest, view: StartView, batch: Batch, uses: dict[UseKey, int], tariff: tariffs.Tariff
) -> tariffs.Quote:
    assert view.tariff is not None
    if tariffs.is_timeless(tariff):
        return _timeless_quote(view.tariff_body, view.tariff, view.tariff_version)
    local = _local(batch.now, view.timezone)
    today: dict[Register, int] = {}
    year: dict[Register, int] = {}
    for scope in tariffs.scopes(tariff, local):
        key = _use_key(request, view, scope)
        counts = today if scope.kind is tariffs.ScopeKind.DAY else year
        counts[scope.register] = uses.get(key, 0)
    context = tariffs.Context(started_local=local, used_today=today, used_in_year=year)
    return tariffs.make_quote(tariff, tariff_id=view.tariff, version=view.tariff_version, context=context)


def _session(
    request: StartRequest,
    view: StartView,
    batch: Batch,
    terminal: Terminal,
    quote: tariffs.Quote,
    limits: Limits,
) -> Session:
    """The row without its money."""
    now = batch.now
    expires_at_ms, expired_at = expiry(terminal, now)
    session = Session(
        operator=request.operator,
        id=SessionId(batch.make_id("ses")),
        customer=request.customer,
        appliance=view.appliance,
        terminal=request.terminal,
        outlet=request.outlet,
        state=State.AUTHORIZED,
        command=CommandId(batch.make_id("cmd")),
        request_key=request.key,
        request_hash=request.digest(),
        currency=quote.currency,
        quote=tariffs.encode_quote(quote).decode(),
        limits=msgspec.json.encode(replace(limits, pause_s=view.pause_s)).decode(),
        hold_principal_minor=0,
        hold_bonus_minor=0,
        link=terminal.link,
        expires_at_ms=expires_at_ms,
        expired_at=expired_at,
        give_up_at=now + GIVE_UP_AFTER,
        wake_at=None,
        meter_spec=view.meter_spec,
        epoch=terminal.epoch,
        created_at=now,
    )
    return replace(session, wake_at=next_wake(session, now))


def _sharing(view: StartView, now: datetime) -> str:
    """What the session keeps of the agreement in force, so that later changes do not matter to it."""
    if view.agreements is None:
        return ""
    return view.agreements.frozen_text(Place(view.site, view.kind, view.appliance), now)


def _take(
    batch: Batch,
    session: Session,
    wallet: Wallet,
    quote: tariffs.Quote,
    uses: dict[UseKey, int],
) -> None:
    assert session.customer is not None
    wallet.principal_minor -= session.hold_principal_minor
    wallet.bonus_minor -= session.hold_bonus_minor
    for register, free in quote.free.items():
        key = UseKey(session.operator, session.customer, use_scope(quote, quote.day), register.value)
        batch.use(key, free)
        uses[key] = uses.get(key, 0) + free
    if session.hold_minor:
        batch.entries.append(
            hold(
                session.operator,
                session.id,
                session.customer,
                session.currency,
                principal_minor=session.hold_principal_minor,
                bonus_minor=session.hold_bonus_minor,
            )
        )
    _begin(batch, session)


def _begin(batch: Batch, session: Session) -> None:
    batch.new_sessions.append(session)
    batch.know(session)
    batch.send(session.terminal, start_message(session))


def use_scope(quote: tariffs.Quote, key: str) -> str:
    """A counter belongs to one tariff and one day, year or season."""
    return f"{quote.tariff_id}/{key}"


def _use_key(request: StartRequest, view: StartView, scope: tariffs.Scope) -> UseKey:
    assert request.customer is not None
    return UseKey(request.operator, request.customer, f"{view.tariff}/{scope.key}", scope.register.value)


@lru_cache(maxsize=1024)
def _timeless_quote(body: str, tariff: TariffId, version: int) -> tariffs.Quote:
    context = tariffs.Context(started_local=datetime.min)
    return tariffs.make_quote(_tariff(body), tariff_id=tariff, version=version, context=context)


@lru_cache(maxsize=1024)
def _tariff(body: str) -> tariffs.Tariff:
    return tariffs.parse_tariff(body)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _local(now: datetime, timezone: str) -> datetime:
    return now.astimezone(_zone(timezone)).replace(tzinfo=None)
