"""Updates over the link: what is not signed changes nothing."""

from __future__ import annotations

from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, NotTried, Section, Weight
from coinslot.wire.messages import Update, Updated, UpdateStep

SECTION = Section(9, "Updates", "updates")

_NOWHERE = "https://127.0.0.1:9/conformance"


@SECTION.played(
    "unsigned-update",
    "An update whose signature is not that of the key it trusts is refused; nothing changes.",
    weight=Weight.WHERE,
)
async def _unsigned(player: Player) -> None:
    before = await player.ping()
    since = player.mark
    player.say(
        Update(
            link=player.link,
            version="9.9.9",
            url=_NOWHERE,
            sha256="0" * 64,
            serial=2**40,
            size=1,
            signature="0" * 128,
        )
    )
    try:
        said = await player.message(Updated, "`updated`", since, lambda one: _last(one), within_s=3)
    except Broken:
        said = None
    after = await player.ping()
    if (after.boot, after.firmware) != (before.boot, before.firmware):
        raise Broken(f"boot {before.boot} → {after.boot}, firmware {before.firmware!r} → {after.firmware!r}")
    if said is None:
        raise NotTried("it does not say what becomes of an update: it takes none over the link")
    if said.step is not UpdateStep.REFUSED:
        raise Broken(f"an update that nobody signed is {said.step}")


def _last(said: Updated) -> bool:
    return said.step is not UpdateStep.FETCHING
