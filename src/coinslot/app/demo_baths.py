"""The showers behind the wall: what their simulated stalls show, and hands on their keypads."""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.access import stickers
from coinslot.app.demo_taps import Vessels, display, settings_of, troubles
from coinslot.app.demo_world import Place
from coinslot.keyring import Keyring
from coinslot.people.notices import Language
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.terminal.events import StopKey
from coinslot.terminal.layouts import LAYOUTS
from coinslot.web.wall.baths import StallShown
from coinslot.wire.ids import TerminalId


class DemoBaths:
    """The wall's stalls. Their terminals are those of `places`."""

    def __init__(
        self,
        places: tuple[Place, ...],
        terminals: Mapping[TerminalId, SimulatedTerminal],
        keyring: Keyring,
        vessels: Vessels,
    ) -> None:
        self._stalls = {
            (place.terminal, place.outlet): place for place in places if place.terminal in terminals
        }
        self._terminals = terminals
        self._paths = {
            place.code: f"/m/{stickers.sign(keyring, place.code)}" for place in self._stalls.values()
        }
        self._vessels = vessels
        self.paused: set[str] = set()
        """Sessions that were seen in a pause."""
        self.unlinked: set[str] = set()
        """Sessions that were seen to run where there was no link."""

    def has(self, terminal: TerminalId) -> bool:
        """Whether this terminal drives one of them."""
        return any(terminal == key for key, _ in self._stalls)

    def look(self, online: frozenset[str], language: Language) -> tuple[StallShown, ...]:
        """Every stall as it stands now."""
        return tuple(self._shown(place, online, language) for place in self._stalls.values())

    def watch(self) -> None:
        """Note what no figure of the database tells. To be called often."""
        for terminal, outlet in self._stalls:
            one = self._terminals[terminal]
            self._vessels.ml(one, outlet)
            use = one.use(outlet)
            if use is not None and use.paused:
                self.paused.add(use.session)
            if use is not None and use.ml and not one.cable.plugged:
                self.unlinked.add(use.session)

    def press_keys(self, terminal: TerminalId, outlet: int, keys: str) -> bool:
        """See `BathsPort`."""
        place = self._stalls[terminal, outlet]
        return self._terminals[place.terminal].press_keys(outlet, keys)

    def press_stop(self, terminal: TerminalId, outlet: int) -> bool:
        """See `WallPort`."""
        one = self._terminals[self._stalls[terminal, outlet].terminal]
        if one.powered:
            one.appliance.press(StopKey(outlet))
        return one.powered

    def _shown(self, place: Place, online: frozenset[str], language: Language) -> StallShown:
        one = self._terminals[place.terminal]
        water, use, powered = one.outlet(place.outlet), one.use(place.outlet), one.powered
        flows = water.is_open and not water.tap_closed
        return StallShown(
            terminal=place.terminal,
            outlet=place.outlet,
            name=place.title,
            site=place.site,
            room=place.room,
            code=place.code,
            path=self._paths[place.code],
            columns=LAYOUTS[settings_of(one, place.outlet).display].columns,
            lines=display(one, place.outlet, language),
            beside=tuple(
                other.title
                for (terminal, outlet), other in self._stalls.items()
                if terminal == place.terminal and outlet != place.outlet
            ),
            online=powered and place.terminal in online,
            powered=powered,
            troubles=tuple(troubles(one)),
            valve_open=water.is_open,
            flow_ml_per_min=water.flow.ml_per_min if flows else 0,
            poured_ml=self._vessels.ml(one, place.outlet),
            in_use=use is not None,
            paused=use is not None and use.paused,
            out_of_order=powered and use is None and not one.looks_free(place.outlet),
        )
