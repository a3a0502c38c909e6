"""What a boot starts from: the first thing that `coinslot terminal run` does.

What was installed by hand is always the one that decides, so that no release can shut out the next.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from msgspec.structs import replace

from coinslot import __version__
from coinslot.terminal import config as files
from coinslot.terminal.config import FileConfig
from coinslot.terminal.updating import standing as standings
from coinslot.terminal.updating.port import Running
from coinslot.terminal.updating.shelf import ENTRY, Shelf, State
from coinslot.wire.messages import UpdateKind

log = logging.getLogger(__name__)

RELEASE: Final = "COINSLOT_TERMINAL_RELEASE"
"""In the environment of a process that runs from a slot: which."""
PATH_BEFORE: Final = "COINSLOT_TERMINAL_PYTHONPATH"
"""The PYTHONPATH of what was installed by hand."""


def begin(shelf: Shelf, config_file: Path | None) -> State:
    """Count this boot and leave what failed too often. A disk that cannot be written starts what ran before a trial:
    nothing that cannot be counted is tried."""
    before = shelf.load()
    state = before.put(UpdateKind.SOFTWARE, standings.started(before.software, __version__))
    state = state.put(UpdateKind.CONFIG, standings.started(before.config, digest(config_file)))
    for kind in UpdateKind:
        standing = state.of(kind)
        if standing.running and not is_whole(shelf, kind, standing.running):
            state = state.put(kind, _without(standing))
    if state == before:
        return state
    try:
        shelf.save(state)
    except OSError as error:
        log.error("this boot could not be counted: %s", error.strerror)
        return State(software=replace(before.software, trial=None), config=replace(before.config, trial=None))
    for kind in UpdateKind:
        if state.of(kind).running != before.of(kind).running:
            log.warning("the %s goes back to release %d", kind, state.of(kind).running)
    return state


def _without(standing: standings.Standing) -> standings.Standing:
    if standing.trial is not None:
        return standings.rolled_back(standing, "its files are gone")
    return standings.left(standing, 0, "its files are gone")


def is_whole(shelf: Shelf, kind: UpdateKind, serial: int) -> bool:
    """Whether a release lies there to be started."""
    place = shelf.place(kind, serial)
    return (place / ENTRY).is_file() if kind is UpdateKind.SOFTWARE else place.is_file()


def digest(path: Path | None) -> str:
    """Of the configuration file that somebody wrote by hand; empty where there is none."""
    try:
        return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def slot_of(environment: Mapping[str, str]) -> int:
    """From which slot this process runs; 0: from what was installed by hand."""
    said = environment.get(RELEASE, "")
    return int(said) if said.isascii() and said.isdigit() else 0


def program(
    shelf: Shelf, serial: int, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of a release's own agent; serial 0: of what was installed by hand."""
    changed = dict(environment)
    by_hand = changed.pop(PATH_BEFORE, None) if RELEASE in changed else changed.get("PYTHONPATH")
    changed.pop(RELEASE, None)
    changed.pop("PYTHONPATH", None)
    if serial:
        changed |= {
            RELEASE: str(serial),
            "PYTHONPATH": str(shelf.place(UpdateKind.SOFTWARE, serial).absolute()),
        }
        if by_hand is not None:
            changed[PATH_BEFORE] = by_hand
    elif by_hand is not None:
        changed["PYTHONPATH"] = by_hand
    return [sys.executable, "-P", "-m", "coinslot.app", "terminal", "run", *arguments], changed


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Be that program from now on, as the same process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], list(command), dict(environment))


def running(state: State, environment: Mapping[str, str], config_serial: int) -> Running:
    """The slots that this very process runs from."""
    return Running(software=slot_of(environment), config=config_serial)


def configuration(
    shelf: Shelf, state: State, by_hand: FileConfig, path: Path | None
) -> tuple[FileConfig, int]:
    """What holds, and the release that it is of; 0: the file written by hand. Where the journal is stays as in that
    file, and so do its keys where the release names none. ConfigError when a release cannot be read."""
    standing = state.config
    by_hand_still = standing.trial is None and standing.base != digest(path)
    serial = 0 if by_hand_still else standing.running
    if not serial or not is_whole(shelf, UpdateKind.CONFIG, serial):
        return by_hand, 0
    found = files.load(shelf.place(UpdateKind.CONFIG, serial))
    updates = found.updates if found.updates.keys else by_hand.updates
    return replace(found, journal=by_hand.journal, updates=updates), serial
