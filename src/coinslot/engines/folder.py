"""An engine's folder: made, checked and locked before anything runs in it.

The folder belongs to us and holds what the child must not write (passwords, log, lock); below it one
folder of mode 0700 belongs to the child.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path

from coinslot.engines.errors import FolderBusy, FolderError
from coinslot.engines.identity import Identity, first_closed_folder

_DYING_S = 20.0  # a child whose parent was killed is gone within 20 ms; a large checkpoint may take longer


class EngineFolder:
    """One engine's folder, locked for one owner until `release`.

    The lock's descriptor is inherited by the child, so the folder stays taken until the child is gone too.
    FolderError when it cannot be used, FolderBusy when another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def lock_descriptor(self) -> int:
        """The lock, for the child to inherit. RuntimeError before `claim`."""
        if self._lock is None:
            raise RuntimeError(f"{self.path} is not claimed")
        return self._lock

    def claim(self, identity: Identity) -> None:
        """Make the folder if need be and take its lock. A second claim by the same owner does nothing."""
        if self._lock is not None:
            return
        self._make(identity)
        closed = first_closed_folder(self.path, identity)
        if closed is not None:
            raise FolderError(
                f"{self.path} cannot be used: the engines run as {identity.name}, "
                f"who may not pass through {closed}",
                "Choose a data folder outside it, such as /var/lib/coinslot (COINSLOT_DATA_DIR), "
                "or run coinslot as an ordinary user.",
            )
        self._lock = self._take_lock()

    def held_by_another(self) -> bool:
        """Whether somebody's engine, ours in another process included, has the folder now."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def private(self, name: str, identity: Identity) -> Path:
        """A folder below this one that only the child can enter. FolderError if it is a stranger's."""
        path = self.path / name
        if path.is_symlink():
            raise FolderError(f"{path} is a symbolic link", "Remove it, or choose another data folder.")
        if not path.exists():
            path.mkdir(mode=0o700)
            identity.give(path)
        status = path.stat()
        if status.st_uid != identity.uid:
            raise FolderError(
                f"{path} belongs to user {status.st_uid}, not to {identity.name}",
                "Run coinslot as the user who first started it here, or choose another data folder.",
            )
        path.chmod(0o700)
        return path

    def write_secret(self, name: str, text: str, owner: Identity | None = None) -> Path:
        """Write a file of mode 0600, ours or the child's, whole or not at all."""
        path = self.path / name
        draft = self.path / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if owner is not None:
            owner.give(draft)
        draft.replace(path)
        return path

    def read(self, name: str) -> str | None:
        """A file's text, None when there is no such file."""
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def forget(self, name: str) -> None:
        """Remove a file if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def release(self) -> None:
        """Give the folder up. Call it when the child is gone."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make(self, identity: Identity) -> None:
        # Root's folder must let the child through to its own folder, but not let it look around.
        mode = 0o711 if identity.foreign else 0o700
        try:
            self.path.parent.mkdir(mode=mode, parents=True, exist_ok=True)
            self.path.mkdir(mode=mode, exist_ok=True)
        except OSError as error:
            raise FolderError(
                f"{self.path} cannot be made: {error.strerror}",
                "Choose a data folder you may write to with COINSLOT_DATA_DIR.",
            ) from error
        if not os.access(self.path, os.W_OK | os.X_OK) or self.path.stat().st_uid != os.geteuid():
            raise FolderError(
                f"{self.path} is not yours to write to",
                "Run coinslot as the user who owns it, or choose another folder with COINSLOT_DATA_DIR.",
            )

    def _take_lock(self) -> int:
        path = self.path / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _DYING_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = path.read_text(encoding="utf-8").strip()
                # A dead owner's child may need a moment to end; a living owner keeps the folder.
                if _alive(owner) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise FolderBusy(
                        f"{self.path} is in use by process {owner or 'unknown'}",
                        "Stop that process first, or choose another data folder with COINSLOT_DATA_DIR.",
                    ) from None
                time.sleep(0.02)
                continue
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
            return descriptor


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
