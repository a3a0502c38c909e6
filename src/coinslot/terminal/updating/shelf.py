"""The disk's side: one state file, slots and configuration files, each change whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coinslot.terminal.updating.standing import Standing
from coinslot.wire.messages import UpdateKind

STATE_BYTES = 64 * 1024
ENTRY = "coinslot/app/__main__.py"
"""What every release of the software holds."""

Point = Callable[[str], None]
"""Told before and after each thing that is done to the disk; what it raises is a loss of power there."""


def nothing(_name: str) -> None:
    """No loss of power."""


class State(Struct, frozen=True, kw_only=True):
    """The file `state.json`. Older programs must be able to read what newer ones wrote: fields are only added."""

    software: Standing = Standing()
    config: Standing = Standing()

    def of(self, kind: UpdateKind) -> Standing:
        """One kind's."""
        return self.software if kind is UpdateKind.SOFTWARE else self.config

    def put(self, kind: UpdateKind, standing: Standing) -> State:
        """With one kind's changed."""
        if kind is UpdateKind.SOFTWARE:
            return replace(self, software=standing)
        return replace(self, config=standing)


class Shelf:
    """Everything about updates below a terminal's directory."""

    def __init__(self, directory: Path, point: Point = nothing) -> None:
        self.directory = directory
        self.parts = directory / "updates"
        self._state = self.parts / "state.json"
        self._point = point

    def place(self, kind: UpdateKind, serial: int) -> Path:
        """Where a release lies: a directory of software, a file of configuration."""
        if kind is UpdateKind.SOFTWARE:
            return self.directory / "releases" / str(serial)
        return self.directory / "configs" / f"{serial}.toml"

    def part(self, sha256: str) -> Path:
        """What is loaded so far of an artifact."""
        return self.parts / f"{sha256}.part"

    def load(self) -> State:
        """What is in force. Without a file that can be read it is what was installed by hand, and every serial that
        lies here is spent."""
        try:
            return msgspec.json.decode(self._state.read_bytes()[:STATE_BYTES], type=State)
        except FileNotFoundError:
            pass
        except msgspec.MsgspecError:
            os.replace(self._state, self._state.with_suffix(".damaged"))
        return State(
            software=Standing(serial=max(self._serials(UpdateKind.SOFTWARE), default=0)),
            config=Standing(serial=max(self._serials(UpdateKind.CONFIG), default=0)),
        )

    def save(self, state: State) -> None:
        """Durably, and then the links for people who look. OSError leaves what was before."""
        self.parts.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._point("state")
        write_whole(self._state, msgspec.json.encode(state), self._point)
        self._point("state saved")
        for kind in UpdateKind:
            self._link(kind, state.of(kind).running)

    def tidy(self, state: State) -> None:
        """Away with what nothing refers to any more."""
        for kind in UpdateKind:
            standing = state.of(kind)
            for serial in self._serials(kind) - standing.kept:
                self._point("tidy")
                remove(self.place(kind, serial))
        wanted = {self.part(one.offer.sha256) for one in (state.software, state.config) if one.offer}
        for path in self.parts.glob("*.part") if self.parts.is_dir() else ():
            if path not in wanted:
                self._point("tidy")
                path.unlink(missing_ok=True)
        if not wanted:  # else one may be made just now
            for folder in ("releases", "configs"):
                for path in (self.directory / folder).glob("*.new"):
                    remove(path)

    def _serials(self, kind: UpdateKind) -> set[int]:
        folder = self.place(kind, 0).parent
        names = (path.stem for path in folder.iterdir()) if folder.is_dir() else ()
        return {int(name) for name in names if name.isascii() and name.isdigit()}

    def _link(self, kind: UpdateKind, serial: int) -> None:
        place = self.place(kind, serial)
        current = place.parent / "current"
        if not place.parent.is_dir():
            return
        wanted = place.name if serial else None
        if (os.readlink(current) if current.is_symlink() else None) == wanted:
            return
        self._point("link")
        if wanted is None:
            current.unlink()
        else:
            draft = place.parent / "current.new"
            draft.unlink(missing_ok=True)
            draft.symlink_to(wanted)
            os.replace(draft, current)
        sync_directory(place.parent)
        self._point("linked")


def write_whole(path: Path, data: bytes, point: Point = nothing) -> None:
    """Replace a file, durably, all or nothing. OSError leaves the old one."""
    draft = path.with_name(path.name + ".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    point("drafted")
    os.replace(draft, path)
    point("replaced")
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """What was made or renamed in it is on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Away with a file or a directory, whether or not it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_full(error: OSError) -> bool:
    """Whether there was no room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
