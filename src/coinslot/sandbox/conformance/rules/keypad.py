"""The keypad: digits to the server, and a throttle that whoever pulls the plug does not reset."""

from __future__ import annotations

from msgspec import structs

from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, Need, NotTried, Section, Weight
from coinslot.sandbox.conformance.using import WIDE, began, end, shown, unlocked_keypad
from coinslot.wire.messages import CodeEntered, Configure, KeypadGuard, Note, Readings, Show

SECTION = Section(10, "Keypad", "codes-on-a-keypad")

WRONG_TRIES = 5
LONG = "123456789012"
LONG_S = 3.3
"""Between two codes of 12 digits: 3 s."""
_KEYPAD = (Need.KEYPAD,)


async def _typed(player: Player, digits: str) -> CodeEntered:
    since = player.mark
    await player.type(player.manner.outlet, digits + "#")
    return await player.message(
        CodeEntered, f"`code_entered` with the digits {digits}", since, lambda one: one.digits == digits
    )


def _answered(player: Player, said: CodeEntered, note: Note) -> None:
    player.say(Show(link=player.link, outlet=said.outlet, request=said.request, note=note))


@SECTION.played(
    "code-entered",
    "Digits and `#` are sent as `code_entered`, with the outlet, and a new `request` each time.",
    weight=Weight.WHERE,
    needs=_KEYPAD,
)
async def _code_entered(player: Player) -> None:
    unlocked_keypad(player)
    said: list[CodeEntered] = []
    for digits in ("10293847", "56473829"):
        said.append(await _typed(player, digits))
        _answered(player, said[-1], Note.CODE_EXPIRED)
        await player.ping()
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
    tried = await began(player)
    since = player.mark
    await player.type(player.manner.outlet, "11112222")
    await player.ping()
    found = [line for _, line in player.history.said(since) if isinstance(line.message, CodeEntered)]
    await end(player, tried)
    if found:
        raise Broken("a code was sent from an outlet in use")


@SECTION.played(
    "pause",
    "`*` pauses a use that may be paused: shut, nothing counted, not even `s`; `*` again goes on.",
    weight=Weight.WHERE,
    needs=_KEYPAD,
    anchor="pauses",
)
async def _pause(player: Player) -> None:
    tried = await began(player, structs.replace(WIDE, pause_s=60))
    await player.pass_s(1.2)
    await player.type(player.manner.outlet, "*")
    player.say(Configure(link=player.link, config=player.clerk.config, watch_s=10))
    await player.pass_s(1.0)
    since = player.mark
    await player.pass_s(2.3)
    told = [
        line.message
        for _, line in player.history.said(since)
        if isinstance(line.message, Readings) and line.message.session == tried.session
    ]
    hello = await player.ping()
    await player.type(player.manner.outlet, "*")
    player.say(Configure(link=player.link, config=player.clerk.config))
    ended = await end(player, tried)
    if tried.session not in hello.open_sessions:
        raise NotTried(f"`*` ended the use ({ended.reason}): it has no pause")
    if not told:
        raise Broken("no readings of a paused session while somebody watched")
    if told[-1].valve_open is not False:
        raise NotTried("the valve stayed open: it has no pause")
    if told[0].registers != told[-1].registers:
        raise Broken(f"paused, and yet counted: {shown(told[0].registers)}, then {shown(told[-1].registers)}")


@SECTION.played(
    "keypad-locks",
    f"The {WRONG_TRIES}th wrong code locks the keypad, and `keypad` says so; locked, it sends none but those of 12 digits.",
    weight=Weight.WHERE,
    needs=_KEYPAD,
)
async def _locks(player: Player) -> None:
    await _guess(player)
    await _takes_only_long(player)


@SECTION.played(
    "lock-outlives-power",
    "A power cut neither ends nor shortens the lock, nor forgets the tries.",
    weight=Weight.WHERE,
    needs=(Need.KEYPAD, Need.POWER),
)
async def _outlives(player: Player) -> None:
    await _guess(player)
    since = player.mark
    await player.power_cut()
    said = await player.message(KeypadGuard, "`keypad` after the welcome", since)
    if said.locked_s == 0 or said.tries < WRONG_TRIES:
        raise Broken(
            f"{said.tries} tries, locked for {said.locked_s} s, after a power cut within the lock's minute"
        )
    await _takes_only_long(player)


async def _guess(player: Player) -> None:
    """Wrong codes until it locks: what an offline code did wrong before counts with them."""
    for number in range(WRONG_TRIES):
        if (guard := _guard(player)) is not None and guard.locked_s > 0:
            break
        _answered(player, await _typed(player, f"9000000{number}"), Note.WRONG_CODE)
        await player.ping()
    guard = _guard(player)
    if guard is None or guard.locked_s == 0:
        raise Broken(f"{WRONG_TRIES} wrong codes, and no `keypad` with `locked_s` above 0")
    if guard.tries < WRONG_TRIES:
        raise Broken(f"locked after {guard.tries} wrong codes; a slip of the finger locks nobody out")


def _guard(player: Player) -> KeypadGuard | None:
    said = [line.message for _, line in player.history.said() if isinstance(line.message, KeypadGuard)]
    return said[-1] if said else None


async def _takes_only_long(player: Player) -> None:
    since = player.mark
    await player.type(player.manner.outlet, "90000009#")
    await player.ping()
    if [line for _, line in player.history.said(since) if isinstance(line.message, CodeEntered)]:
        raise Broken("a locked keypad sent a code of 8 digits")
    await player.pass_s(LONG_S)
    _answered(player, await _typed(player, LONG), Note.CODE_EXPIRED)
    await player.ping()
