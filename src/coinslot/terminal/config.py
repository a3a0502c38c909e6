"""The one configuration file of a terminal, in TOML; every key may be left out."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import msgspec
from msgspec import Meta, Struct

from coinslot.terminal import wiring as wirings
from coinslot.terminal.clock import Clock
from coinslot.terminal.drivers.fronts import WatchdogTable, Wiring
from coinslot.terminal.drivers.tables import BusTable, Name
from coinslot.terminal.ports import Hardware
from coinslot.terminal.settings import MIB, Language, OutletSettings, Settings
from coinslot.terminal.simulated import Model, settings_for, simulate


class ConfigError(Exception):
    """The file cannot be used; the text names the key and what to do."""


class Trusted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may update this terminal, beside what its claim brought."""

    keys: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")], ...], Meta(max_length=8)
    ] = ()
    """Ed25519 public keys, in hex, as `coinslot release keygen` prints them. Where there are any, those of the claim count
    no more."""
    operator: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{1,40})?$(?!\n)")] = ""
    """The operator's id: releases signed for it alone are taken too."""


class FileConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file may say."""

    journal: str = "~/.local/state/coinslot/terminal"
    """The directory of the journal and the identity; on a disk that keeps what was synced."""
    language: Language = Language.ZH
    simulated: Model = Model.DISPENSER
    hardware: str = ""
    """`package.module:function`, called with (settings, clock), returns the appliance's Hardware; empty
    for a simulated one."""
    journal_bytes: Annotated[int, Meta(ge=64 * 1024, le=1024 * MIB)] = 4 * MIB
    firmware: Annotated[str, Meta(max_length=64)] = "coinslot-agent"
    outlets: tuple[OutletSettings, ...] = ()
    seed: int = 0
    """Of the simulated appliance."""
    bus: dict[Name, BusTable] = {}
    """Serial ports by name."""
    updates: Trusted = Trusted()
    watchdog: WatchdogTable | None = None
    wiring: tuple[Wiring, ...] = ()
    """What the outlets are wired to, one for each of them; empty for simulated and foreign hardware. In the file it
    stands in the outlets' own tables."""


def load(path: Path | None) -> FileConfig:
    """The file's settings, or the defaults. ConfigError names what is wrong."""
    if path is None:
        return FileConfig()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        config = msgspec.convert(wirings.split(raw, _refuser(path)), FileConfig)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (msgspec.MsgspecError, ValueError) as error:  # bad TOML and bad UTF-8 are ValueErrors
        raise ConfigError(f"{path}: {wirings.place(str(error))}") from None
    if config.bus and not config.wiring:
        raise ConfigError(f"{path}: bus: nothing hangs on it; outlets need a valve and a meter to use it")
    config = _followed(config, raw)
    for outlet in config.outlets:
        _check_power(path, outlet)
    found = wirings.flaw(config.outlets, config.wiring, config.bus, config.watchdog, config.language)
    if found is not None:
        raise ConfigError(f"{path}: {found[0]}: {found[1]}")
    return config


def _refuser(path: Path) -> Callable[[str, str], ConfigError]:
    def refuse(key: str, reason: str) -> ConfigError:
        return ConfigError(f"{path}: {key}: {reason}")

    return refuse


def _followed(config: FileConfig, raw: wirings.Toml) -> FileConfig:
    """The settings that follow from the wiring filled in."""
    said = cast(list[dict[str, object]], raw.get("outlets", []))
    outlets = []
    for number, outlet in enumerate(config.outlets):
        if number < len(config.wiring):
            keys = frozenset(key for key, value in said[number].items() if not isinstance(value, dict))
            outlet = msgspec.convert(
                {**msgspec.to_builtins(outlet), **wirings.follow(config.wiring[number], keys)}, OutletSettings
            )
        outlets.append(outlet)
    return msgspec.structs.replace(config, outlets=tuple(outlets))


def _check_power(path: Path, outlet: OutletSettings) -> None:
    """Figures that contradict each other would find a fault in every sound appliance, or none in any."""
    where, most_w = f"{path}: outlet {outlet.outlet}", outlet.overload_w
    for band in outlet.stall:
        if band.above_w >= band.to_w:
            raise ConfigError(
                f"{where}: stall has a band above {band.above_w} W to {band.to_w} W; to_w must be more"
            )
    for name, watts in (("no_load_w", outlet.no_load_w), ("idle_w", outlet.idle_w)):
        if most_w is not None and watts is not None and watts >= most_w:
            raise ConfigError(f"{where}: {name} = {watts} must be less than overload_w = {most_w}")
        for band in outlet.stall:
            if watts is not None and watts > band.above_w:
                raise ConfigError(
                    f"{where}: {name} = {watts} must not be above where stall begins, {band.above_w}"
                )


def settings(config: FileConfig, terminal: str) -> Settings:
    """The agent's settings for this terminal."""
    base = settings_for(config.simulated, terminal, config.language)
    return msgspec.structs.replace(
        base,
        outlets=config.outlets or base.outlets,
        journal_bytes=config.journal_bytes,
        firmware=config.firmware,
    )


def _wired(config: FileConfig) -> Hardware:
    from coinslot.terminal.drivers.wired import WiredAppliance

    try:
        return WiredAppliance(config.wiring, config.bus)
    except OSError as error:
        raise ConfigError(
            f"the hardware is not as the configuration says: {error}\n"
            "Is the agent running already (systemctl status coinslot-terminal)? Is the device there, and may this "
            "user use it?"
        ) from None
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"a driver needs {error.name}, which is not installed\nRun: pip install 'coinslot[terminal]'"
        ) from None


def hardware(config: FileConfig, terminal: Settings, clock: Clock) -> Hardware:
    """The appliance: a driver's, or a simulated one. ConfigError when there is no such driver."""
    if config.wiring:
        made: Hardware = _wired(config)
    elif not config.hardware:
        made = simulate(config.simulated, clock, config.seed)
    else:
        module, _, name = config.hardware.partition(":")
        try:
            factory = cast(
                Callable[[Settings, Clock], Hardware], getattr(importlib.import_module(module), name)
            )
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"hardware = {config.hardware!r} cannot be loaded: {error}\n"
                "It must read package.module:function."
            ) from None
        made = factory(terminal, clock)
    missing = [one.outlet for one in terminal.outlets if one.outlet not in made.outlets]
    if missing:
        raise ConfigError(f"the hardware has no outlet {missing[0]}; it has {sorted(made.outlets)}")
    for one in terminal.outlets:
        if one.electric and made.outlets[one.outlet].sensors is None:
            raise ConfigError(
                f"outlet {one.outlet} has limits on its power, but the hardware has no sensors there to tell power_w"
            )
    return made
