"""The power cut at a bad moment: what the journal is for."""

from __future__ import annotations

from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, Need, Section
from coinslot.sandbox.conformance.using import (
    answer,
    answers,
    attempt,
    began,
    declined,
    end,
    make_record,
    openings,
    shown,
    stopped,
)
from coinslot.wire.messages import Records, Stop
from coinslot.wire.records import Checkpoint, DeclineReason, Started, Stopped, StopReason

SECTION = Section(6, "Power cuts", "stopping")

_POWER = (Need.POWER,)


@SECTION.played(
    "link-outlives-power",
    "The link's number rises across a power cut: it is on disk before it is used.",
    needs=_POWER,
    anchor="the-number-of-the-link",
)
async def _link(player: Player) -> None:
    before = max(hello.link for _, _, hello in player.history.hellos())
    hello = await player.power_cut()
    if hello.link <= before:
        raise Broken(f"link {hello.link} after the power cut, {before} before it; it must be higher")


@SECTION.played("boot-rises", "`boot` rises with each start of the terminal.", needs=_POWER, anchor="records")
async def _boot(player: Player) -> None:
    before = player.history.hellos()[-1][2].boot
    hello = await player.power_cut()
    if hello.boot <= before:
        raise Broken(f"boot {hello.boot} after the power cut, {before} before it; it must be higher")


@SECTION.played(
    "journal-outlives-power",
    "Epoch and records outlive a power cut: what had no ack comes again, as it was.",
    needs=_POWER,
    anchor="records",
)
async def _journal(player: Player) -> None:
    with player.holding(acks=False):
        tried = await make_record(player)
        await answer(player, tried)
        kept = answers(player, tried.command)[0]
        since = player.mark
        hello = await player.power_cut()
    if hello.epoch != kept.epoch:
        raise Broken(f"epoch {hello.epoch} after the power cut, {kept.epoch} before it: the journal is gone")
    if hello.next_seq <= kept.seq:
        raise Broken(
            f"next_seq {hello.next_seq} after the power cut; record {kept.seq} had been sent before it"
        )
    again = await player.message(
        Records, f"record {kept.seq} again", since, lambda one: _holds(one, kept.seq), within_s=30
    )
    if bytes(again.records[kept.seq - again.first_seq]) != kept.data:
        raise Broken(f"record {kept.seq} has other bytes after the power cut")
    await player.fence()


@SECTION.played(
    "power-loss",
    "Power lost in mid-use: shut on boot, and `stopped` with `power_loss` and the last certain registers; "
    "or, where the appliance is set so, resumed.",
    needs=_POWER,
)
async def _power_loss(player: Player) -> None:
    tried = await began(player)
    await player.pass_s(0.5)
    hello = await player.power_cut()
    if tried.session in hello.open_sessions:
        await end(player, tried)  # resumed: an appliance that goes on after a power cut says so
        return
    ended = await stopped(player, tried.session, within_s=30)
    if ended.reason is not StopReason.POWER_LOSS:
        raise Broken(f"stopped with reason {ended.reason}; expected power_loss")
    certain = [
        one.record.registers
        for one in player.history.records
        if isinstance(one.record, Started | Checkpoint) and one.record.session == tried.session
    ]
    for register, value in certain[-1].items():
        if ended.registers.get(register, 0) < value:
            raise Broken(
                f"{register} was {value} for certain before the power cut, and is {shown(ended.registers)} now"
            )


@SECTION.played(
    "one-end",
    "A session that a power cut ended has one `stopped`, also after the next power cut.",
    needs=_POWER,
)
async def _one_end(player: Player) -> None:
    tried = await began(player)
    await player.power_cut()
    hello = await player.fence()
    if tried.session in hello.open_sessions:
        await end(player, tried)
    await player.power_cut()
    hello = await player.fence()
    if tried.session in hello.open_sessions:
        raise Broken(f"session {tried.session} had ended, and is open again after a power cut")
    found = [one for one in player.history.records if _ends(one.record, tried.session)]
    if len(found) != 1:
        raise Broken(f"{len(found)} `stopped` of one session")


@SECTION.played(
    "command-outlives-power",
    "A command acted upon before a power cut is not acted upon after it.",
    needs=_POWER,
    anchor="starting",
)
async def _command(player: Player) -> None:
    tried = await began(player)
    await end(player, tried)
    await player.fence()
    await player.power_cut()
    again = attempt(player, command=tried.command, session=tried.session)
    player.say(again.start)
    await player.fence()
    if len(openings(player, tried.session)) > 1:
        player.say(Stop(link=player.link, session=tried.session))
        raise Broken("the same command opened the outlet once before the power cut and once after it")


@SECTION.played(
    "stop-outlives-power", "A `stop` that bars its session bars it after a power cut as well.", needs=_POWER
)
async def _stop(player: Player) -> None:
    session = player.id("ses")
    player.say(Stop(link=player.link, session=session))
    await player.fence()
    await player.power_cut()
    tried = attempt(player, session=session)
    player.say(tried.start)
    await declined(player, tried, DeclineReason.STOPPED)


def _holds(message: Records, seq: int) -> bool:
    return message.first_seq <= seq < message.first_seq + len(message.records)


def _ends(record: object, session: str) -> bool:
    return isinstance(record, Stopped) and record.session == session
