"""The appliances that can be simulated, and the settings that fit each."""

from __future__ import annotations

from enum import StrEnum

from coinslot.terminal.settings import Band, DisplaySize, Language, OnPower, OutletSettings, Seconds, Settings
from coinslot.wire.registers import Register


class Model(StrEnum):
    """The appliances that can be simulated."""

    DISPENSER = "dispenser"
    """Drinking water: outlet 0 cold, outlet 1 boiling."""
    SHOWER = "shower"
    """One shower with a keypad."""
    STALL = "stall"
    """A bathroom's stall: a shower with a keypad and a small display."""
    STALLS = "stalls"
    """Two stalls on one board, outlets 0 and 1, each with a keypad and a display of four rows."""
    DRYER = "dryer"
    """A tumble dryer in a hotel's room, with a touch display: about 2.5 kW, its heater coming and going."""
    AIR_PURIFIER = "air_purifier"
    """A fan and a filter: about 40 W."""
    WATER_PURIFIER = "water_purifier"
    """A membrane, its pump and a lamp: about 50 W while the pump runs."""
    DIFFUSER = "diffuser"
    """Mist of scented water: about 12 W."""

    @property
    def electric(self) -> bool:
        """Whether a relay and a meter for watt-hours drive it, not a valve and one for water."""
        return self not in _WATER

    @property
    def bathes(self) -> bool:
        """Whether people shower in it."""
        return self in _SHOWERS


_SHOWERS = frozenset({Model.SHOWER, Model.STALL, Model.STALLS})
_WATER = _SHOWERS | {Model.DISPENSER}


def settings_for(model: Model, terminal: str, language: Language = Language.ZH) -> Settings:
    """The settings that fit a simulated appliance."""
    return Settings(
        terminal=terminal, outlets=_outlets(model, language), language=language, firmware="coinslot-agent"
    )


def _outlets(model: Model, language: Language) -> tuple[OutletSettings, ...]:
    if model.electric:
        return (_SOCKETS[model],)
    if model is Model.SHOWER:
        return (OutletSettings(outlet=0),)
    if model is Model.STALL:
        return (OutletSettings(outlet=0, display=DisplaySize.SMALL),)
    if model is Model.STALLS:
        return tuple(OutletSettings(outlet=at, display=DisplaySize.TALL) for at in range(2))
    names = ("冷水", "开水") if language is Language.ZH else ("Cold", "Boiling")
    return tuple(OutletSettings(outlet=at, name=name, flow_within_s=20) for at, name in enumerate(names))


def _socket(
    *, least_w: int, most_w: int, stall: tuple[Band, ...], on_power: OnPower = OnPower.RESUME
) -> OutletSettings:
    return OutletSettings(
        outlet=0,
        meters=(Register.WH,),
        seep=0,
        seconds=Seconds.OPENING,
        on_power=on_power,
        no_load_w=least_w,
        load_within_s=15,
        idle_w=least_w,
        overload_w=most_w,
        stall=stall,
        stall_s=20,
    )


_SOCKETS = {
    # A drum that begins to turn by itself when the power returns would be a danger.
    Model.DRYER: _socket(
        least_w=20, most_w=4_000, stall=(Band(above_w=400, to_w=1_500),), on_power=OnPower.STOP
    ),
    Model.AIR_PURIFIER: _socket(least_w=5, most_w=500, stall=(Band(above_w=100, to_w=500),)),
    Model.WATER_PURIFIER: _socket(least_w=4, most_w=800, stall=(Band(above_w=150, to_w=800),)),
    Model.DIFFUSER: _socket(least_w=3, most_w=300, stall=(Band(above_w=30, to_w=300),)),
}
