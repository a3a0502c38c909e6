"""Starts and stops as rules try them, and what must be true before each rule."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from coinslot.sandbox.conformance.history import Recorded
from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, NotTried
from coinslot.wire.codec import encode
from coinslot.wire.messages import KeypadGuard, Limits, Ping, Start, Stop
from coinslot.wire.records import Declined, DeclineReason, Started, Stopped, StopReason
from coinslot.wire.registers import Register

NO_OUTLET = 255
"""No terminal has so many: the cheapest way to a record that opens nothing."""
WIDE = Limits(ml=1_000_000, s=3_600, wh=1_000_000, count=1_000_000, idle_s=600)
EXPIRES_MS = 15_000


class Attempt(Struct, frozen=True):
    """One start as it was sent."""

    start: Start

    @property
    def session(self) -> str:
        """Its session."""
        return self.start.session

    @property
    def command(self) -> str:
        """Its command."""
        return self.start.command


def attempt(
    player: Player,
    *,
    outlet: int | None = None,
    limits: Limits = WIDE,
    session: str = "",
    command: str = "",
    link: int = 0,
    expires_at_ms: int | None = None,
) -> Attempt:
    """A start, made and not sent."""
    return Attempt(
        Start(
            link=link or player.link,
            command=command or player.id("cmd"),
            session=session or player.id("ses"),
            outlet=player.manner.outlet if outlet is None else outlet,
            limits=limits,
            expires_at_ms=player.link_ms + EXPIRES_MS if expires_at_ms is None else expires_at_ms,
        )
    )


def answers(player: Player, command: str) -> list[Recorded]:
    """Every record that answers a command; there is to be one."""
    return [
        one
        for one in player.history.records
        if isinstance(one.record, Started | Declined) and one.record.command == command
    ]


def openings(player: Player, session: str) -> list[Recorded]:
    """Every `started` of a session."""
    return [
        one
        for one in player.history.records
        if isinstance(one.record, Started) and one.record.session == session
    ]


async def answer(player: Player, tried: Attempt, within_s: float | None = None) -> Started | Declined:
    """The terminal's answer to a start."""
    found = await player.record(
        f"`started` or `declined` for command {tried.command}",
        lambda one: isinstance(one.record, Started | Declined) and one.record.command == tried.command,
        within_s,
    )
    assert isinstance(found.record, Started | Declined)
    return found.record


async def began(player: Player, limits: Limits = WIDE, outlet: int | None = None) -> Attempt:
    """A session that runs. Broken when the terminal declines."""
    tried = attempt(player, limits=limits, outlet=outlet)
    player.say(tried.start)
    said = await answer(player, tried)
    if isinstance(said, Declined):
        raise Broken(f"a good start was declined: {said.reason}")
    return tried


async def declined(player: Player, tried: Attempt, reason: DeclineReason) -> None:
    """The start is refused for this reason, and opens nothing."""
    said = await answer(player, tried)
    if isinstance(said, Started):
        player.say(Stop(link=player.link, session=tried.session))
        raise Broken(f"the outlet was opened; expected `declined` with reason {reason}")
    if said.reason is not reason:
        raise Broken(f"declined with reason {said.reason}; expected {reason}")


async def stopped(player: Player, session: str, within_s: float | None = None) -> Stopped:
    """The end of a session."""
    found = await player.record(
        f"`stopped` of session {session}",
        lambda one: isinstance(one.record, Stopped) and one.record.session == session,
        within_s,
    )
    assert isinstance(found.record, Stopped)
    return found.record


async def end(player: Player, tried: Attempt) -> Stopped:
    """Stop a session and see it end."""
    player.say(Stop(link=player.link, session=tried.session))
    return await stopped(player, tried.session)


async def make_record(player: Player) -> Attempt:
    """Have the terminal write a record that opens nothing; it is not waited for."""
    tried = attempt(player, outlet=NO_OUTLET)
    player.say(tried.start)
    return tried


async def alive(player: Player, connection: int) -> None:
    """It still answers, on the same connection and in the same boot."""
    since = player.mark
    await player.ping()
    if player.connection != connection:
        raise Broken("the connection broke; what cannot be understood is dropped and the connection stays")
    for _place, _line, hello in player.history.hellos(since):
        before = [one for _, _, one in player.history.hellos() if one.boot]
        if before and hello.boot != before[-1].boot:
            raise Broken("the terminal restarted")


async def ready(player: Player) -> None:
    """Before each rule: connected, welcomed, every record acknowledged, nothing in use."""
    if player.history.hellos() == [] or not player.connected:
        await player.new_link(0 if not player.history.hellos() else player.mark)
    hello = await player.fence()
    for session in hello.open_sessions:
        player.say(Stop(link=player.link, session=session))
    if hello.open_sessions:
        await player.fence()


def ping_of(player: Player, link: int = 0) -> bytes:
    """The bytes of a ping."""
    return encode(Ping(link=link or player.link))


def reason_of(ended: Stopped, wanted: StopReason) -> None:
    """Broken when a session ended for another reason."""
    if ended.reason is not wanted:
        raise Broken(f"stopped with reason {ended.reason}; expected {wanted}")


def shown(registers: Mapping[Register, int]) -> str:
    """Registers, for a person."""
    return ", ".join(f"{register.value} {value}" for register, value in registers.items()) or "nothing"


def unlocked_keypad(player: Player) -> None:
    """NotTried where an earlier run's guesses still lock it."""
    said = [line.message for _, line in player.history.said() if isinstance(line.message, KeypadGuard)]
    if said and said[-1].locked_s > 0:
        raise NotTried(
            "wrong codes of an earlier run still lock the keypad: give the terminal a fresh journal"
        )
