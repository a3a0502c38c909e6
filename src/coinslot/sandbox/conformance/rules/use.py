"""A use: its limits kept alone, its end said once, whatever becomes of the link."""

from __future__ import annotations

from msgspec import structs

from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, Need, NotTried, Section, Weight
from coinslot.sandbox.conformance.stand import STOP_KEY
from coinslot.sandbox.conformance.using import WIDE, answers, began, end, reason_of, shown, stopped
from coinslot.wire.messages import Limits, Stop
from coinslot.wire.records import Checkpoint, Started, Stopped, StopReason
from coinslot.wire.registers import Register

SECTION = Section(4, "Use", "starting")

SHORT = Limits(ml=40, s=2, wh=1, count=1, idle_s=8)
"""Reached within two seconds by anything that flows, draws or counts."""
_DRY = (
    "nothing was metered, so no limit could be reached: let water run or power be drawn as soon as the outlet opens, "
    "or give the firmware a simulated meter"
)


@SECTION.played("stop", "`stop` ends its session: `stopped`, with reason `command`.", anchor="stopping")
async def _stop(player: Player) -> None:
    tried = await began(player)
    reason_of(await end(player, tried), StopReason.COMMAND)


@SECTION.played(
    "stop-of-another", "A `stop` for another session leaves the running one alone.", anchor="stopping"
)
async def _stop_of_another(player: Player) -> None:
    tried = await began(player)
    player.say(Stop(link=player.link, session=player.id("ses")))
    hello = await player.fence()
    running = tried.session in hello.open_sessions
    await end(player, tried)
    if not running:
        raise Broken("the running session ended at a stop for another one")


@SECTION.played("start-in-stop", "`stopped` repeats the registers of its `started`.", anchor="stopped")
async def _start_in_stop(player: Player) -> None:
    tried = await began(player)
    ended = await end(player, tried)
    begun = answers(player, tried.command)[0].record
    assert isinstance(begun, Started)
    if begun.registers != ended.start:
        raise Broken(f"`started` had {shown(begun.registers)}, `stopped` has start {shown(ended.start)}")


@SECTION.played(
    "limit", "At a limit the use ends by itself, `limit`, at most one pulse of the meter past it."
)
async def _limit(player: Player) -> None:
    tried = await began(player, SHORT)
    ended = await stopped(player, tried.session, within_s=20)
    _at_limit(player, ended, SHORT)


@SECTION.played(
    "link-lost", "With the link lost in mid-use it runs on to its limit, and reports once the link is back."
)
async def _link_lost(player: Player) -> None:
    limits = structs.replace(SHORT, ml=120, s=3)
    tried = await began(player, limits)
    since = player.mark
    player.note("the connection is cut, and held down")
    player.stand.cut(hold=True)
    try:
        await player.pass_s(4.0)
    finally:
        player.stand.mend()
    await player.new_link(since)
    ended = await stopped(player, tried.session, within_s=30)
    _at_limit(player, ended, limits)


@SECTION.played(
    "link-lost-stop", "A `stop` on the next link ends what began on the one before.", anchor="stopping"
)
async def _link_lost_stop(player: Player) -> None:
    tried = await began(player)
    hello = await player.cut()
    running = tried.session in hello.open_sessions
    ended = await end(player, tried)
    if not running:
        raise Broken(
            f"the use ended with the link ({ended.reason}); it is held for, and runs on to its limit"
        )
    reason_of(ended, StopReason.COMMAND)


@SECTION.played(
    "idle",
    "Nothing metered for `idle_s`: the use ends by itself, `idle`.",
    needs=(Need.FLOW,),
    anchor="limits",
)
async def _idle(player: Player) -> None:
    await player.stand.tap(player.manner.outlet, is_open=False)
    try:
        tried = await began(player, structs.replace(WIDE, idle_s=2))
        ended = await stopped(player, tried.session, within_s=20)
    finally:
        await player.stand.tap(player.manner.outlet, is_open=True)
    reason_of(ended, StopReason.IDLE)


@SECTION.played(
    "stop-key",
    "The stop key ends the use at once, link or no link: `stopped`, with reason `key`.",
    needs=(Need.STOP,),
    anchor="stopping",
)
async def _stop_key(player: Player) -> None:
    tried = await began(player)
    since = player.mark
    player.note("the connection is cut, and held down")
    player.stand.cut(hold=True)
    try:
        await player.stand.press(player.manner.outlet, STOP_KEY)
        await player.pass_s(0.2)
    finally:
        player.stand.mend()
    await player.new_link(since)
    ended = await stopped(player, tried.session)
    reason_of(ended, StopReason.KEY)


@SECTION.played(
    "checkpoints",
    "In use the registers are recorded every `checkpoint_s`; money hangs on them after a power cut.",
    weight=Weight.SHOULD,
    anchor="checkpoint",
)
async def _checkpoints(player: Player) -> None:
    player.clerk.config = structs.replace(player.clerk.config, checkpoint_s=1)
    try:
        await player.cut()
        tried = await began(player)
        await player.pass_s(2.6)
        ended = await end(player, tried)
    finally:
        player.clerk.config = structs.replace(player.clerk.config, checkpoint_s=10)
    found = [
        one.record
        for one in player.history.records
        if isinstance(one.record, Checkpoint) and one.record.session == tried.session
    ]
    if not _used(ended):
        raise NotTried(_DRY)
    if not found:
        raise Broken("no checkpoint in 2.6 s of use, though config asked for one each second")
    if len(found) > 3:
        raise Broken(f"{len(found)} checkpoints in 2.6 s of use; config asked for one each second")


def _at_limit(player: Player, ended: Stopped, limits: Limits) -> None:
    if ended.reason is StopReason.IDLE:
        raise NotTried(_DRY)
    reason_of(ended, StopReason.LIMIT)
    used = _used(ended)
    most = structs.asdict(limits)
    reached = False
    for register, usage in used.items():
        limit = int(most[register.value])
        past = 1 if register in (Register.S, Register.COUNT, Register.WH) else player.manner.pulse
        reached = reached or usage >= limit
        if usage > limit + past:
            raise Broken(f"{usage} {register} used; the limit was {limit}, and one pulse is at most {past}")
    if not reached:
        raise Broken(f"stopped at its limit with {shown(used)}, which reaches none of them")


def _used(ended: Stopped) -> dict[Register, int]:
    return {
        register: value - ended.start.get(register, 0)
        for register, value in ended.registers.items()
        if value > ended.start.get(register, 0)
    }
