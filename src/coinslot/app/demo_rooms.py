"""The hotel behind the wall: what its simulated appliances show, and hands that choose, go back and break things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from msgspec.structs import replace

from coinslot.app.demo_world import Place
from coinslot.people.notices import Language
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.terminal.events import Cancelled, PackageChosen
from coinslot.terminal.phrases import in_chinese
from coinslot.terminal.ports import Pressed
from coinslot.terminal.simulated import SimulatedSocket
from coinslot.web.wall.rooms import RoomShown, RoomTrouble
from coinslot.wire.ids import TerminalId


class DemoRooms:
    """The hotel's part of the wall. Its terminals are those of `places`."""

    def __init__(self, places: tuple[Place, ...], terminals: Mapping[TerminalId, SimulatedTerminal]) -> None:
        self._rooms = {
            place.terminal: (place, terminals[place.terminal])
            for place in places
            if place.terminal in terminals
        }

    def look(self, online: frozenset[str], language: Language) -> tuple[RoomShown, ...]:
        """Every appliance as it stands now."""
        return tuple(self._shown(place, one, online, language) for place, one in self._rooms.values())

    def press(self, terminal: TerminalId, outlet: int, pressed: Pressed) -> bool:
        """Press something on its display; whether anything there could feel it. KeyError when there is none."""
        place, one = self._rooms[terminal]
        if outlet != place.outlet:
            raise KeyError(outlet)
        if one.powered:
            one.appliance.press(pressed)
        return one.powered

    def choose(self, terminal: TerminalId, outlet: int, package: str, provider: str) -> bool:
        """See `RoomsPort`."""
        return self.press(terminal, outlet, PackageChosen(outlet=outlet, provider=provider, package=package))

    def back(self, terminal: TerminalId, outlet: int) -> bool:
        """See `RoomsPort`."""
        return self.press(terminal, outlet, Cancelled(outlet))

    async def trouble(self, terminal: TerminalId, trouble: RoomTrouble, *, on: bool) -> None:
        """See `RoomsPort.break_room`."""
        place, one = self._rooms[terminal]
        socket = one.socket(place.outlet)
        match trouble:
            case RoomTrouble.UNPLUGGED:
                (one.cable.pull if on else one.cable.plug)()
            case RoomTrouble.POWER_CUT if on:
                await one.power_off()
            case RoomTrouble.POWER_CUT:
                one.power_on()
            case RoomTrouble.NO_LOAD:
                socket.break_load(on=on)
            case RoomTrouble.BLOCKED:
                socket.hold_fast(on=on)
            case RoomTrouble.SHORTED:
                socket.short(on=on)
            case RoomTrouble.METER_STUCK:
                socket.meter_stuck = on
            case RoomTrouble.RELAY_STUCK:
                socket.valve_stuck = on
            case _:
                assert_never(trouble)

    def _shown(
        self, place: Place, one: SimulatedTerminal, online: frozenset[str], language: Language
    ) -> RoomShown:
        socket = one.socket(place.outlet)
        use, view = one.use(place.outlet), socket.view
        if view is not None and language == "zh":
            view = replace(view, text=in_chinese(view.text))
        powered = one.powered
        return RoomShown(
            terminal=place.terminal,
            outlet=place.outlet,
            model=place.model.value,
            name=place.title,
            site=place.site,
            room=place.room,
            code=place.code,
            online=powered and place.terminal in online,
            powered=powered,
            troubles=tuple(_troubles(one, socket)),
            running=socket.is_open and powered,
            power_w=socket.power_mw // 1000 if powered else 0,
            in_use=use is not None,
            out_of_order=powered and use is None and not one.looks_free(place.outlet),
            view=view if powered else None,
        )


def _troubles(terminal: SimulatedTerminal, socket: SimulatedSocket) -> list[RoomTrouble]:
    found = {
        RoomTrouble.POWER_CUT: not terminal.powered,
        RoomTrouble.UNPLUGGED: not terminal.cable.plugged,
        RoomTrouble.NO_LOAD: socket.no_load,
        RoomTrouble.BLOCKED: socket.blocked,
        RoomTrouble.SHORTED: socket.shorted,
        RoomTrouble.METER_STUCK: socket.meter_stuck,
        RoomTrouble.RELAY_STUCK: socket.valve_stuck,
    }
    return [trouble for trouble, on in found.items() if on]
