"""Readings and the like: not durable, and no more of them than the SIM card's owner wants to pay."""

from __future__ import annotations

from msgspec import structs

from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, Section, Weight
from coinslot.sandbox.conformance.using import began, end
from coinslot.wire.messages import Configure, Readings

SECTION = Section(5, "Readings", "readings")


def _readings(player: Player, since: int) -> list[Readings]:
    return [line.message for _, line in player.history.said(since) if isinstance(line.message, Readings)]


@SECTION.played(
    "readings-in-use",
    "In use it sends `readings` every `readings_s`, with the session and the registers.",
    weight=Weight.SHOULD,
)
async def _in_use(player: Player) -> None:
    player.clerk.config = structs.replace(player.clerk.config, readings_s=1)
    try:
        await player.cut()
        tried = await began(player)
        since = player.mark
        found = await player.message(
            Readings,
            "readings of the running session",
            since,
            lambda one: one.session == tried.session,
            within_s=5,
        )
        await end(player, tried)
    finally:
        player.clerk.config = structs.replace(player.clerk.config, readings_s=10)
    if not found.registers:
        raise Broken("readings without registers")


@SECTION.played(
    "readings-watched",
    "While somebody watches (`configure` with `watch_s`) they come every `watch_readings_s`.",
    weight=Weight.SHOULD,
)
async def _watched(player: Player) -> None:
    tried = await began(player)
    since = player.mark
    player.say(Configure(link=player.link, config=player.clerk.config, watch_s=10))
    await player.pass_s(2.6)
    found = len(_readings(player, since))
    player.say(Configure(link=player.link, config=player.clerk.config))
    await end(player, tried)
    if found < 2:
        raise Broken(f"{found} readings in 2.6 s while watched; expected one each second")


@SECTION.played(
    "quiet-when-idle",
    "Nobody uses it, nobody watches: readings only every `idle_readings_s`.",
    weight=Weight.SHOULD,
)
async def _idle(player: Player) -> None:
    await player.pass_s(0.5)
    since = player.mark
    await player.pass_s(2.0)
    found = [one for one in _readings(player, since) if one.outlet == player.manner.outlet]
    if len(found) > 1:
        raise Broken(f"{len(found)} readings in 2 s of idleness; expected one in 300 s")
