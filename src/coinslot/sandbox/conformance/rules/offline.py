"""Codes for the time without a link: taken once, by terms that outlive a power cut, and burnt when asked."""

from __future__ import annotations

import secrets

from msgspec import Struct, structs

from coinslot.access.offline import make_code, session_id
from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, Need, NotTried, Section, Weight
from coinslot.sandbox.conformance.using import WIDE, answer, attempt, openings, unlocked_keypad
from coinslot.wire.messages import Burn, CodeEntered, Hello, Offline, Ping, Stop
from coinslot.wire.records import Burnt, OfflineCredit

SECTION = Section(8, "Offline codes", "codes-without-a-link")

_NONE = "it takes no terms of offline codes"


class _Code(Struct, frozen=True):
    """A code under new terms."""

    digits: str
    session: str
    count: int


async def _code(player: Player) -> _Code:
    """The first code of new terms. NotTried where the terminal takes none."""
    terms = await _terms(player)
    digits, count = make_code(terms.key, terms.starting_code, terms.value, terms.count)
    return _Code(digits, session_id(terms.terms, count), count)


def _burn_it(player: Player, code: _Code) -> None:
    player.say(Burn(link=player.link, outlet=player.manner.outlet, session=code.session, token=code.count))


async def _terms(player: Player) -> Offline:
    """New terms in force. NotTried where the terminal takes none."""
    terms = Offline(
        link=player.link,
        outlet=player.manner.outlet,
        terms=player.id("t"),
        key=secrets.token_hex(16),
        starting_code=100_000_000 + secrets.randbelow(800_000_000),
        value=secrets.randbelow(900),
        count=0,
        credit_minor=300,
        currency="CNY",
        limits=WIDE,
    )
    since = player.mark
    player.say(terms)
    player.say(Ping(link=player.link))
    try:
        await player.message(Hello, "a hello", since, lambda one: terms.terms in one.offline, within_s=3)
    except Broken:
        raise NotTried(_NONE) from None
    await player.pass_s(0.2)  # it may say hello for the terms and for the ping
    return terms


async def _away(player: Player, keys: str) -> Hello:
    """Type while the link is down; the hello of the link that follows."""
    since = player.mark
    player.note("the connection is cut, and held down")
    player.stand.cut(hold=True)
    try:
        await player.pass_s(0.2)
        await player.type(player.manner.outlet, keys)
        await player.pass_s(0.5)
    finally:
        player.stand.mend()
    await player.new_link(since)
    return await player.fence()


def _credits(player: Player, session: str) -> int:
    return len(
        [
            one
            for one in player.history.records
            if isinstance(one.record, OfflineCredit) and one.record.session == session
        ]
    )


async def _opens_nothing(player: Player, code: _Code, otherwise: str) -> None:
    """Type it without the link. Broken, saying so, where it opened."""
    await _away(player, code.digits + "#")
    if _credits(player, code.session):
        await _stop(player, code.session)
        raise Broken(otherwise)


async def _stop(player: Player, session: str) -> None:
    player.say(Stop(link=player.link, session=session))
    await player.fence()


@SECTION.played(
    "offline-terms",
    "`hello` names the terms of offline codes that are in force, and no others.",
    weight=Weight.WHERE,
    anchor="hello",
)
async def _named(player: Player) -> None:
    first = await _terms(player)
    second = await _terms(player)
    player.say(Offline(link=player.link, outlet=player.manner.outlet, terms=second.terms))
    await player.ping()
    await player.pass_s(0.2)
    hello = await player.ping()
    if first.terms in hello.offline or second.terms in hello.offline:
        raise Broken(f"hello names {hello.offline}; the first terms were replaced and the second taken back")


@SECTION.played(
    "offline-terms-outlive-power",
    "The terms of offline codes outlive a power cut.",
    weight=Weight.WHERE,
    needs=(Need.POWER,),
)
async def _outlive(player: Player) -> None:
    terms = await _terms(player)
    hello = await player.power_cut()
    if terms.terms not in hello.offline:
        raise Broken(
            f"hello names {hello.offline} after the power cut; terms {terms.terms} were in force before it"
        )


@SECTION.played(
    "offline-code",
    "Without the link a good code opens: `offline_credit`, then `started`, under the id that terms and count give.",
    weight=Weight.WHERE,
    needs=(Need.KEYPAD,),
)
async def _opens(player: Player) -> None:
    unlocked_keypad(player)
    code = await _code(player)
    await _away(player, code.digits + "#")
    await _stop(player, code.session)
    kinds = [
        type(one.record).__name__
        for one in player.history.records
        if getattr(one.record, "session", None) == code.session
    ]
    if kinds[:2] != ["OfflineCredit", "Started"]:
        raise Broken(
            f"records of session {code.session}: {kinds or 'none'}; expected offline_credit, then started"
        )


@SECTION.played("offline-code-once", "An offline code opens once.", weight=Weight.WHERE, needs=(Need.KEYPAD,))
async def _once(player: Player) -> None:
    unlocked_keypad(player)
    code = await _code(player)
    await _away(player, code.digits + "#")
    await _stop(player, code.session)
    if not openings(player, code.session):
        raise NotTried("the code did not open at all: see offline-code")
    await _away(player, code.digits + "#")
    await _stop(player, code.session)
    if _credits(player, code.session) != 1 or len(openings(player, code.session)) != 1:
        raise Broken(f"one code was credited {_credits(player, code.session)} times")


@SECTION.played(
    "offline-only",
    "With the link up an offline code opens nothing by itself: the digits go to the server.",
    weight=Weight.WHERE,
    needs=(Need.KEYPAD,),
)
async def _only(player: Player) -> None:
    unlocked_keypad(player)
    code = await _code(player)
    since = player.mark
    await player.type(player.manner.outlet, code.digits + "#")
    await player.message(
        CodeEntered, "`code_entered` with the digits", since, lambda one: one.digits == code.digits
    )
    await player.fence()
    if _credits(player, code.session):
        await _stop(player, code.session)
        raise Broken("the code opened by itself while the link was up")


@SECTION.played(
    "burn",
    "`burn` is answered with `burnt`, each time one record at most; the code opens nothing afterwards.",
    weight=Weight.WHERE,
)
async def _burn(player: Player) -> None:
    code = await _code(player)
    _burn_it(player, code)
    await player.record(
        f"`burnt` for session {code.session}",
        lambda one: isinstance(one.record, Burnt) and one.record.session == code.session,
    )
    if Need.KEYPAD not in player.stand.can:
        return
    await _opens_nothing(player, code, "a code that was burnt opened")


@SECTION.played(
    "burn-of-used",
    "`burn` for a code that was used makes no `burnt`: what it was used for tells of itself.",
    weight=Weight.WHERE,
    needs=(Need.KEYPAD,),
)
async def _burn_used(player: Player) -> None:
    unlocked_keypad(player)
    code = await _code(player)
    await _away(player, code.digits + "#")
    if not openings(player, code.session):
        raise NotTried("the code did not open at all: see offline-code")
    await _stop(player, code.session)
    _burn_it(player, code)
    await player.fence()
    if any(
        isinstance(one.record, Burnt) and one.record.session == code.session for one in player.history.records
    ):
        raise Broken("`burnt` for a code that had opened: the server would give the money back")


@SECTION.played(
    "burnt-outlives-power",
    "A burnt code opens nothing after a power cut either.",
    weight=Weight.WHERE,
    needs=(Need.KEYPAD, Need.POWER),
)
async def _burnt_power(player: Player) -> None:
    unlocked_keypad(player)
    code = await _code(player)
    _burn_it(player, code)
    await player.fence()
    await player.power_cut()
    await _opens_nothing(player, code, "a code that was burnt before the power cut opened after it")


@SECTION.played(
    "token-burns",
    "A start with a `token` burns that code with its `started` or `declined`: typed later, it opens nothing.",
    weight=Weight.WHERE,
    needs=(Need.KEYPAD,),
)
async def _token(player: Player) -> None:
    unlocked_keypad(player)
    code = await _code(player)
    tried = attempt(player, session=code.session)
    player.say(structs.replace(tried.start, token=code.count))
    await answer(player, tried)
    await _stop(player, code.session)
    await _opens_nothing(player, code, "a code that had come as a start opened once more without the link")


@SECTION.played(
    "offline-terms-end-with-epoch",
    "Terms of offline codes end with the epoch: a journal that was replaced may have lost burnt counts.",
    weight=Weight.WHERE,
)
async def _end_with_epoch(player: Player) -> None:
    terms = await _terms(player)
    player.clerk.renew = True
    since = player.mark
    old = await player.cut()
    fresh = await player.until(
        lambda: next((one for _, _, one in player.history.hellos(since) if one.epoch != old.epoch), None),
        "a hello with another epoch",
    )
    if terms.terms in fresh.offline:
        raise Broken(f"hello of the new epoch {fresh.epoch} still names terms {terms.terms}")
