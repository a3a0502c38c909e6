"""Where PostgreSQL's Unix socket lies: the kernel allows its path 107 bytes and no more."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from coinslot.engines.errors import FolderError
from coinslot.engines.folder import EngineFolder
from coinslot.engines.identity import Identity

LONGEST_BYTES = 107


def socket_folder(folder: EngineFolder, identity: Identity) -> Path:
    """A folder of mode 0700, the child's own, short enough for a socket: in the engine's folder if it fits,
    else below the system's temporary folder, under a name that is the same at every start.

    FolderError if somebody else has made a folder of that name there.
    """
    inside = folder.path / "socket"
    if _fits(inside):
        return folder.private("socket", identity)
    digest = hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:16]
    outside = Path(tempfile.gettempdir()) / f"coinslot-{identity.uid}-{digest}"
    if not _fits(outside):
        outside = Path("/tmp") / outside.name
    try:
        outside.mkdir(mode=0o700)
        identity.give(outside)
    except FileExistsError:
        status = outside.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != identity.uid or status.st_mode & 0o077:
            raise FolderError(
                f"{outside}, needed for PostgreSQL's socket, is not a private folder of {identity.name}",
                "Remove it, or choose a data folder with a shorter path (COINSLOT_DATA_DIR).",
            ) from None
    return outside


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / ".s.PGSQL.65535.lock")) <= LONGEST_BYTES
