"""How `coinslot terminal run` starts from what was put in place over the link, and starts itself anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from coinslot.terminal import config as files
from coinslot.terminal.clock import Clock
from coinslot.terminal.config import FileConfig
from coinslot.terminal.identity import Identity
from coinslot.terminal.updating import launching
from coinslot.terminal.updating.port import Running, Trust
from coinslot.terminal.updating.shelf import Shelf, State
from coinslot.terminal.updating.updater import Updater
from coinslot.terminal.updating.worker import ChildWorker

FIRMWARE_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class Boot:
    """What this process runs."""

    shelf: Shelf
    config: FileConfig
    running: Running
    version: str
    """Of the release that it runs from; empty: of none."""


def boot(by_hand: FileConfig, path: Path | None, arguments: Sequence[str]) -> Boot:
    """What to run. Does not return where that is another program: then this process has become it. ConfigError when
    a configuration cannot be used."""
    shelf = Shelf(Path(by_hand.journal).expanduser())
    slot = launching.slot_of(os.environ)
    if slot:
        state = shelf.load()  # counted by what started us
    else:
        state = launching.begin(shelf, path)
        if state.software.running:
            launching.become(*launching.program(shelf, state.software.running, arguments, os.environ))
    config, config_serial = launching.configuration(shelf, state, by_hand, path)
    return Boot(
        shelf=shelf,
        config=config,
        running=launching.running(state, os.environ, config_serial),
        version=_version(state, slot),
    )


def with_config(booted: Boot, config: FileConfig) -> Boot:
    """The same with what the command line says besides."""
    return replace(booted, config=config)


def holding(by_hand: FileConfig, path: Path | None) -> FileConfig:
    """The configuration in force, for whoever looks at an appliance or shuts it; nothing is counted."""
    shelf = Shelf(Path(by_hand.journal).expanduser())
    try:
        return launching.configuration(shelf, shelf.load(), by_hand, path)[0]
    except (files.ConfigError, OSError):
        return by_hand


def _version(state: State, slot: int) -> str:
    trial = state.software.trial
    if trial is not None and trial.serial == slot:
        return trial.version
    return state.software.version if slot else ""


def firmware(config: FileConfig, version: str) -> str:
    """What the hello names."""
    return f"{config.firmware} {version}".strip()[:FIRMWARE_LENGTH]


def updater(booted: Boot, identity: Identity, clock: Clock) -> Updater:
    """The updates of this terminal."""
    said = booted.config.updates
    trust = Trust(
        keys=said.keys or identity.update_keys,
        operator=said.operator or identity.operator_id,
        ca=identity.ca,
    )
    return Updater(booted.shelf, ChildWorker(), trust, booted.running, clock)


def again(booted: Boot, arguments: Sequence[str]) -> NoReturn:
    """Start anew. Under systemd by ending: it shuts the valves once more and starts what was installed by hand, which
    decides; elsewhere by becoming that."""
    if "NOTIFY_SOCKET" in os.environ or "INVOCATION_ID" in os.environ:
        raise SystemExit(0)
    launching.become(*launching.program(booted.shelf, 0, arguments, os.environ))
