"""As whom a child runs: as ourselves, or, when we are root, as somebody with no privileges.

PostgreSQL refuses to run as root, and the broker has no need to.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coinslot.engines.errors import FolderError

# An account made for us is better than the one that every service without an account shares.
_CANDIDATES = ("coinslot", "nobody")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and group; `foreign` when they are not this process's own."""

    name: str
    uid: int
    gid: int
    foreign: bool

    @property
    def user_argument(self) -> int | None:
        """For subprocess: None leaves the user as it is."""
        return self.uid if self.foreign else None

    @property
    def group_argument(self) -> int | None:
        """For subprocess: None leaves the group as it is."""
        return self.gid if self.foreign else None

    @property
    def groups_argument(self) -> list[int] | None:
        """For subprocess: no supplementary groups (root's among them) for a foreign identity."""
        return [] if self.foreign else None

    def give(self, path: Path) -> None:
        """Make the identity owner of `path`; nothing to do when it is our own."""
        if self.foreign:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def engine_identity(owned: Path | None = None) -> Identity:
    """As whom engines run. As root: the owner of `owned` if it exists already, so that the owner never
    changes under the data; else the account `coinslot`, else `nobody`. FolderError when there is neither."""
    if os.geteuid() != 0:
        return Identity(_name_of(os.geteuid()), os.geteuid(), os.getegid(), foreign=False)
    if owned is not None and owned.exists() and (uid := owned.stat().st_uid) != 0:
        return Identity(_name_of(uid), uid, owned.stat().st_gid, foreign=True)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(name, entry.pw_uid, entry.pw_gid, foreign=True)
    raise FolderError(
        "no unprivileged account to run the engines as",
        "Create one with `useradd --system coinslot`, or run coinslot as an ordinary user.",
    )


def first_closed_folder(path: Path, identity: Identity) -> Path | None:
    """The topmost folder on the way to `path`, itself included, that the identity may not pass through.

    Reads the mode bits only, never changes them.
    """
    for folder in _from_the_top(path.resolve()):
        status = folder.stat()
        if status.st_uid == identity.uid:
            passable = status.st_mode & stat.S_IXUSR
        elif status.st_gid == identity.gid:
            passable = status.st_mode & stat.S_IXGRP
        else:
            passable = status.st_mode & stat.S_IXOTH
        if not passable:
            return folder
    return None


def _from_the_top(path: Path) -> Iterator[Path]:
    yield from reversed(path.parents)
    yield path


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
