"""Starts: one effect and one answer, and a refusal for every reason there is."""

from __future__ import annotations

from msgspec import structs

from coinslot.sandbox.conformance.player import Player, raw
from coinslot.sandbox.conformance.rule import Broken, Section
from coinslot.sandbox.conformance.using import (
    NO_OUTLET,
    WIDE,
    answer,
    answers,
    attempt,
    began,
    declined,
    end,
    openings,
)
from coinslot.wire.messages import Stop
from coinslot.wire.records import Declined, DeclineReason, Started

SECTION = Section(3, "Starting", "starting")

LIMITS_OF_NOTHING: tuple[tuple[str, dict[str, int] | None], ...] = (
    ("no limits at all", None),
    ("limits without `s`", {"ml": 1000, "wh": 1000, "count": 10, "idle_s": 60}),
    ("`ml` of 0", {"ml": 0, "s": 60, "wh": 1000, "count": 10, "idle_s": 60}),
    ("`s` of 0", {"ml": 1000, "s": 0, "wh": 1000, "count": 10, "idle_s": 60}),
)


@SECTION.played(
    "start", "A good start is answered with `started`: its session, its command, its outlet, the registers."
)
async def _start(player: Player) -> None:
    tried = attempt(player)
    player.say(tried.start)
    said = await answer(player, tried)
    if isinstance(said, Declined):
        raise Broken(f"a good start was declined: {said.reason}")
    await end(player, tried)
    if (said.session, said.outlet) != (tried.session, tried.start.outlet):
        raise Broken(
            f"`started` names session {said.session}, outlet {said.outlet}; not what the start named"
        )
    if not said.registers:
        raise Broken("`started` without registers: nobody knows where the use began")


@SECTION.played(
    "start-twice", "The same command twice, at once or after its end, has one effect and one answer."
)
async def _start_twice(player: Player) -> None:
    tried = attempt(player)
    player.say(tried.start)
    player.say(tried.start)
    await answer(player, tried)
    player.say(tried.start)
    await player.fence()
    await end(player, tried)
    player.say(tried.start)
    await player.fence()
    await _end_if_open(player, tried.session)
    found = answers(player, tried.command)
    if len(found) != 1:
        kinds = ", ".join(_kind(one.record) for one in found)
        raise Broken(f"{len(found)} answers to one command: {kinds}")


@SECTION.played("declined-twice", "A declined command that comes again gets no second answer.")
async def _declined_twice(player: Player) -> None:
    tried = attempt(player, outlet=NO_OUTLET)
    player.say(tried.start)
    await answer(player, tried)
    player.say(tried.start)
    player.say(tried.start)
    await player.fence()
    if len(found := answers(player, tried.command)) != 1:
        raise Broken(f"{len(found)} answers to one command that was declined")


@SECTION.played("expired", "A start whose `expires_at_ms` has passed in link time is declined: `expired`.")
async def _expired(player: Player) -> None:
    await player.pass_s(max(0.0, 0.6 - player.link_ms / 1000))
    tried = attempt(player, expires_at_ms=max(1, player.link_ms - 400))
    player.say(tried.start)
    await declined(player, tried, DeclineReason.EXPIRED)


@SECTION.played(
    "link-time",
    "Link time begins when the first hello is sent, not at its welcome, and anew with each link.",
    anchor="the-number-of-the-link",
)
async def _link_time(player: Player) -> None:
    with player.holding(welcomes=False):
        await player.cut()
        await player.pass_s(1.2)
    player.clerk.welcomes = True
    # The hello is answered late, as over a slow line: this start has expired although it follows the welcome at once.
    hello = player.history.hellos()[-1][2]
    for message in player.clerk.hear(hello, 1_900_000_000_000):
        player.say(message)
    late = attempt(player, link=hello.link, expires_at_ms=900)
    player.say(late.start)
    await declined(player, late, DeclineReason.EXPIRED)
    await player.cut()
    soon = attempt(player, expires_at_ms=player.link_ms + 5_000)
    player.say(soon.start)
    said = await answer(player, soon)
    if isinstance(said, Declined):
        raise Broken(f"a start on a fresh link was declined ({said.reason}), with 5 s of link time left")
    await end(player, soon)


@SECTION.played(
    "wrong-link",
    "A start made for another link, earlier or later, is declined: `wrong_link`.",
    anchor="the-number-of-the-link",
)
async def _wrong_link(player: Player) -> None:
    others = [player.link + 1] + ([player.link - 1] if player.link > 1 else [])
    for link in others:
        tried = attempt(player, link=link)
        player.say(tried.start)
        await declined(player, tried, DeclineReason.WRONG_LINK)


@SECTION.played(
    "stop-is-sticky",
    "A `stop` that comes before its start bars the session: the start is declined, `stopped`.",
    anchor="stopping",
)
async def _stop_is_sticky(player: Player) -> None:
    tried = attempt(player)
    player.say(Stop(link=player.link, session=tried.session))
    player.say(tried.start)
    await declined(player, tried, DeclineReason.STOPPED)


@SECTION.played("stop-outlives-link", "A stop bars its session on the next link as well.", anchor="stopping")
async def _stop_outlives_link(player: Player) -> None:
    session = player.id("ses")
    player.say(Stop(link=player.link, session=session))
    await player.fence()
    await player.cut()
    tried = attempt(player, session=session)
    player.say(tried.start)
    await declined(player, tried, DeclineReason.STOPPED)


@SECTION.played(
    "ended-is-over",
    "A session that has ended does not begin again, under whatever command: `stopped`.",
    anchor="stopping",
)
async def _ended_is_over(player: Player) -> None:
    first = await began(player)
    await end(player, first)
    again = attempt(player, session=first.session)
    player.say(again.start)
    await declined(player, again, DeclineReason.STOPPED)


@SECTION.played("busy", "A start for an outlet in use is declined, `busy`, and the use goes on.")
async def _busy(player: Player) -> None:
    first = await began(player)
    second = attempt(player)
    player.say(second.start)
    said = await answer(player, second)
    hello = await player.fence()
    running = first.session in hello.open_sessions
    await end(player, first)
    await _end_if_open(player, second.session)
    if isinstance(said, Started):
        raise Broken("two sessions on one outlet")
    if said.reason is not DeclineReason.BUSY:
        raise Broken(f"declined with reason {said.reason}; expected busy")
    if not running:
        raise Broken("the session that was running is not among `open_sessions` any more")


@SECTION.played("no-outlet", "A start for an outlet the terminal does not have is declined: `no_outlet`.")
async def _no_outlet(player: Player) -> None:
    tried = attempt(player, outlet=NO_OUTLET)
    player.say(tried.start)
    await declined(player, tried, DeclineReason.NO_OUTLET)


@SECTION.played("limits", "Limits that are missing or 0 open nothing: declined, `limits`.")
async def _limits(player: Player) -> None:
    for name, limits in LIMITS_OF_NOTHING:
        tried = attempt(player)
        start: dict[str, object] = {
            "type": "start",
            "link": player.link,
            "command": tried.command,
            "session": tried.session,
            "outlet": tried.start.outlet,
            "expires_at_ms": tried.start.expires_at_ms,
        }
        if limits is not None:
            start["limits"] = limits
        player.say_bytes(raw(start))
        try:
            await declined(player, tried, DeclineReason.LIMITS)
        except Broken as why:
            raise Broken(f"{name}: {why}") from None


@SECTION.played(
    "open-sessions", "`hello` names every session that runs, and none that has ended.", anchor="hello"
)
async def _open_sessions(player: Player) -> None:
    tried = await began(player)
    during = await player.ping()
    await end(player, tried)
    after = await player.ping()
    if during.open_sessions != [tried.session]:
        raise Broken(f"open_sessions {during.open_sessions} while {tried.session} ran")
    if after.open_sessions:
        raise Broken(f"open_sessions {after.open_sessions} after every session had ended")


@SECTION.played(
    "unknown-fields",
    "A start with fields that the terminal does not know is obeyed: so the link grows.",
    anchor="messages",
)
async def _unknown_fields(player: Player) -> None:
    tried = attempt(player)
    start = tried.start
    limits = structs.asdict(WIDE) | {"of_tomorrow": 7}
    player.say_bytes(
        raw(
            {
                "of_tomorrow": {"deep": [1, None, "x"]},
                "outlet": start.outlet,
                "session": start.session,
                "expires_at_ms": start.expires_at_ms,
                "limits": limits,
                "command": start.command,
                "link": start.link,
                "type": "start",
            }
        )
    )
    said = await answer(player, tried)
    if isinstance(said, Declined):
        raise Broken(f"declined: {said.reason}")
    await end(player, tried)


async def _end_if_open(player: Player, session: str) -> None:
    if openings(player, session):
        player.say(Stop(link=player.link, session=session))
        await player.fence()


def _kind(record: object) -> str:
    return type(record).__name__.lower()
