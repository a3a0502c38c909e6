"""A zip or wheel made a slot: bounded, plain files only, nothing outside, whole or not there."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from coinslot.terminal.updating.fetching import CHUNK_BYTES, RESERVE_BYTES, Later, Refused
from coinslot.terminal.updating.shelf import ENTRY, Point, nothing, remove, sync_directory

MOST_FILES: Final = 10_000
MOST_BYTES: Final = 256 * 1024 * 1024
MOST_NAME: Final = 240
MOST_DEPTH: Final = 24
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def unpack(archive: Path, slot: Path, free_bytes: Callable[[], int], point: Point = nothing) -> None:
    """Refused when it is no good archive of a release; OSError when the disk will not. `slot` is there whole or not."""
    draft = slot.with_name(slot.name + ".new")
    slot.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove(draft)
    point("slot drafted")
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            check(members)
            if free_bytes() < sum(member.file_size for member in members) + RESERVE_BYTES:
                raise Later("the disk has no room to unpack it")
            _write(opened, members, draft, point)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        remove(draft)
        raise Refused(f"not a good archive: {type(error).__name__}") from None
    except Refused:
        remove(draft)
        raise
    remove(slot)  # of a try that the power cut short before it was noted
    point("slot ready")
    os.replace(draft, slot)
    point("slot renamed")
    sync_directory(slot.parent)


def _write(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], draft: Path, point: Point) -> None:
    draft.mkdir(mode=0o700)
    left = MOST_BYTES
    folders = {draft}
    for member in members:
        path = draft.joinpath(*PurePosixPath(member.filename).parts)
        if member.is_dir():
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        else:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            left = _one(archive, member, path, left)
        folders.update(one for one in path.parents if one.is_relative_to(draft))
        point("unpacked")
    for folder in folders:
        sync_directory(folder)


def check(members: list[zipfile.ZipInfo]) -> None:
    """Refused for a list of members that no release has."""
    if len(members) > MOST_FILES:
        raise Refused(f"more than {MOST_FILES} files")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise Refused("too large unpacked")
    seen: set[str] = set()
    for member in members:
        _check_name(member.orig_filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > member.is_dir():
            raise Refused("holds something that is no plain file")
        if member.flag_bits & 1 or member.compress_type not in _METHODS:
            raise Refused("packed in a way that is not taken")
        name = member.filename.rstrip("/")
        if name in seen:
            raise Refused("holds a name twice")
        seen.add(name)
    if ENTRY not in seen:
        raise Refused(f"holds no {ENTRY}")


def _check_name(name: str) -> None:
    parts = name.rstrip("/").split("/")
    if (
        not name
        or len(name) > MOST_NAME
        or len(parts) > MOST_DEPTH
        or any(part in ("", ".", "..") for part in parts)
        or any(sign in name for sign in "\\:\0")
        or not name.isprintable()
    ):
        raise Refused("holds a name that leads elsewhere")


def _one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int) -> int:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file, archive.open(member) as packed:
        while data := packed.read(CHUNK_BYTES):
            left -= len(data)
            if left < 0:
                raise Refused("too large unpacked")
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return left
