"""A process of its own for each release that is announced: `python -m coinslot.terminal.updating.work`.

Proves the signature, loads, checks and lays ready. Its memory, its library for signatures and whatever a bad artifact
does to it are gone when it ends; what it has finished by then is on disk. It reads a `Job` on standard input and writes
what it `Said` on standard output.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from coinslot.terminal.updating.fetching import Later, Refused, check_address, check_digest, fetch
from coinslot.terminal.updating.job import JOB_BYTES, Job, Said
from coinslot.terminal.updating.shelf import Point, Shelf, is_full, nothing, sync_directory, write_whole
from coinslot.terminal.updating.standing import Release
from coinslot.terminal.updating.unpacking import unpack
from coinslot.wire.messages import UpdateKind
from coinslot.wire.statements import audiences

TRY_S: Final = 120
"""For new software to say what its commands are: seconds on a slow board with a cold disk."""


def prove(release: Release, keys: tuple[str, ...], operator: str) -> None:
    """Refused unless one of the keys signed this very release for this terminal."""
    if not keys:
        raise Refused("no key is trusted here: set updates.keys, or claim again")
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise Refused("signatures cannot be checked here: cryptography is missing") from None
    signature = bytes.fromhex(release.signature)
    for key in keys:
        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        except ValueError:
            continue  # a key that is none trusts nothing
        for audience in audiences(operator):
            try:
                public.verify(signature, release.statement(audience).text())
            except InvalidSignature:
                continue
            return
    raise Refused("not signed by a key that is trusted here")


def lay_ready(job: Job, point: Point = nothing) -> None:
    """Load, check and put beside what runs. Refused or Later say why not; OSError of a disk that fails."""
    release, shelf = job.release, Shelf(Path(job.directory))
    check_address(release.url)
    shelf.parts.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = shelf.part(release.sha256)

    def free() -> int:
        return shutil.disk_usage(shelf.directory).free

    with alone(shelf.parts / "lock"):
        try:
            fetch(part, release.url, release.size, free, job.ca, job.stall_s, point)
            point("loaded")
            check_digest(part, release.sha256)
            place = shelf.place(release.kind, release.serial)
            if release.kind is UpdateKind.SOFTWARE:
                unpack(part, place, free, point)
                try_out(place)
            else:
                _configuration(part, place, point)
        except Refused:
            part.unlink(missing_ok=True)
            raise
        except OSError as error:
            if is_full(error):
                raise Later("the disk is full") from None
            raise


def _configuration(part: Path, place: Path, point: Point) -> None:
    from coinslot.terminal import config

    try:
        config.load(part)
    except config.ConfigError as error:
        raise Refused(str(error).replace(f"{part}", "the file").replace("\n", " ")) from None
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    point("configuration checked")
    write_whole(place, part.read_bytes(), point)
    sync_directory(place.parent.parent)


def try_out(slot: Path) -> None:
    """Refused when the new software cannot even say its commands here: a module may be missing."""
    environment = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
    environment |= {"PYTHONPATH": str(slot), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "coinslot.app", "terminal", "run", "--help"],
            env=environment,
            cwd=slot,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TRY_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused("it does not start here") from None
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Refused(f"it does not start here: {''.join(c for c in last if c.isprintable())}")


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Later when another such process still works here."""
    fd = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Later("another one is still at work") from None
        yield
    finally:
        os.close(fd)


def main() -> int:
    """Do the job on standard input; 0 whenever it could say how it ended."""
    job = msgspec.json.decode(sys.stdin.buffer.read(JOB_BYTES), type=Job)
    try:
        prove(job.release, job.keys, job.operator)
        if job.load:
            lay_ready(job)
        _say(Said(ready=True))
    except Refused as error:
        _say(Said(refused=str(error)))
    except Later as error:
        _say(Said(later=str(error)))
    except OSError as error:
        _say(Said(later=f"the disk failed: {error.strerror}"))
    return 0


def _say(said: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    raise SystemExit(main())
