"""The keypad: digits to the server, and a throttle that whoever pulls the plug does not reset."""

from __future__ import annotations

from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, Need, Section, Weight
from coinslot.sandbox.conformance.using import began, end
from coinslot.wire.messages import CodeEntered, KeypadGuard, Note, Show

SECTION = Section(10, "Keypad", "codes-on-a-keypad")

WRONG_TRIES = 5
LONG = "123456789012"
_KEYS = "needs keys pressed: --firmware with the control line `key`, or --interactive and a person"
_KEYPAD = (Need.KEYPAD,)


async def _typed(player: Player, digits: str) -> CodeEntered:
    since = player.mark
    await player.type(player.manner.outlet, digits + "#")
    return await player.message(
        CodeEntered, f"`code_entered` with the digits {digits}", since, lambda one: one.digits == digits
    )


def _wrong(player: Player, said: CodeEntered) -> None:
    player.say(Show(link=player.link, outlet=said.outlet, request=said.request, note=Note.WRONG_CODE))


@SECTION.played(
    "code-entered",
    "Digits and `#` are sent as `code_entered`, with the outlet, and a new `request` each time.",
    weight=Weight.WHERE,
    needs=_KEYPAD,
)
async def _code_entered(player: Player) -> None:
    player.need(Need.KEYPAD, _KEYS)
    said = [await _typed(player, digits) for digits in ("10293847", "56473829")]
    for one in said:
        player.say(Show(link=player.link, outlet=one.outlet, request=one.request, note=Note.CODE_EXPIRED))
    if said[0].outlet != player.manner.outlet:
        raise Broken(f"typed at outlet {player.manner.outlet}; code_entered says outlet {said[0].outlet}")
    if said[0].request == said[1].request:
        raise Broken(f"request {said[0].request} was used for two codes")


@SECTION.played(
    "no-code-in-use",
    "Digits typed while the outlet is in use open and send nothing.",
    weight=Weight.WHERE,
    needs=_KEYPAD,
)
async def _in_use(player: Player) -> None:
    player.need(Need.KEYPAD, _KEYS)
    tried = await began(player)
    since = player.mark
    await player.type(player.manner.outlet, "11112222")
    await player.ping()
    found = [line for _, line in player.history.said(since) if isinstance(line.message, CodeEntered)]
    await end(player, tried)
    if found:
        raise Broken("a code was sent from an outlet in use")


@SECTION.played(
    "keypad-locks",
    f"The {WRONG_TRIES}th wrong code locks the keypad, and `keypad` says so; locked, it sends none but those of 12 digits.",
    weight=Weight.WHERE,
    needs=_KEYPAD,
)
async def _locks(player: Player) -> None:
    player.need(Need.KEYPAD, _KEYS)
    since = player.mark
    for number in range(WRONG_TRIES):
        _wrong(player, await _typed(player, f"9000000{number}"))
        await player.ping()
    await player.message(
        KeypadGuard,
        "`keypad` with `locked_s` above 0",
        since,
        lambda one: one.locked_s > 0 and one.tries >= WRONG_TRIES,
    )
    await _takes_only_long(player)


@SECTION.played(
    "lock-outlives-power",
    "A power cut neither ends nor shortens the lock, nor forgets the tries.",
    weight=Weight.WHERE,
    needs=(Need.KEYPAD, Need.POWER),
)
async def _outlives(player: Player) -> None:
    player.need(Need.KEYPAD, _KEYS)
    player.need(Need.POWER, "needs the power cut: --firmware, or --interactive and a person")
    before = player.mark
    locked = [line.message for _, line in player.history.said() if isinstance(line.message, KeypadGuard)]
    if not locked or locked[-1].locked_s == 0:
        for number in range(WRONG_TRIES):
            _wrong(player, await _typed(player, f"9100000{number}"))
            await player.ping()
        await player.message(
            KeypadGuard, "`keypad` with `locked_s` above 0", before, lambda one: one.locked_s > 0
        )
    since = player.mark
    await player.power_cut()
    said = await player.message(KeypadGuard, "`keypad` after the welcome", since)
    if said.locked_s == 0 or said.tries < WRONG_TRIES:
        raise Broken(
            f"{said.tries} tries, locked for {said.locked_s} s, after a power cut within the lock's minute"
        )
    await _takes_only_long(player)


async def _takes_only_long(player: Player) -> None:
    since = player.mark
    await player.type(player.manner.outlet, "90000009#")
    await player.ping()
    if [line for _, line in player.history.said(since) if isinstance(line.message, CodeEntered)]:
        raise Broken("a locked keypad sent a code of 8 digits")
    said = await _typed(player, LONG)
    player.say(Show(link=player.link, outlet=said.outlet, request=said.request, note=Note.CODE_EXPIRED))
    await player.ping()
