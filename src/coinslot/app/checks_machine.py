"""The doctor's checks of the machine: Python, the programs, the disk."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from coinslot.app.findings import Finding, ok, skipped, wrong
from coinslot.app.settings import Settings
from coinslot.engines.binaries import find_nats, find_postgres
from coinslot.engines.errors import EngineError

LEAST_FREE_BYTES = 1 << 30
SLOWEST_FSYNC_MS = 50.0
"""Each commit waits for one: slower than this, a tap would wait noticeably for its valve."""
_FSYNC_TRIES = 9


def check_machine(settings: Settings) -> Iterator[Finding]:
    """All of them, in the order in which they are worth reading."""
    yield check_python(sys.version_info[:3])
    yield from _programs(settings)
    folder = _existing(settings.data_dir)
    yield check_space(folder, shutil.disk_usage(folder).free)
    yield check_fsync(folder)


def check_python(version: tuple[int, int, int]) -> Finding:
    """3.11 or later."""
    text = ".".join(map(str, version))
    if version < (3, 11, 0):
        return wrong("python", f"this is Python {text}", "Use Python 3.11 or later.")
    return ok("python", text)


def check_space(folder: Path, free_bytes: int) -> Finding:
    """At least 1 GiB: PostgreSQL stops when its disk is full."""
    text = f"{free_bytes / (1 << 30):.1f} GiB free in {folder}"
    if free_bytes < LEAST_FREE_BYTES:
        return wrong(
            "disk space", text, "Free at least 1 GiB there, or move the data with COINSLOT_DATA_DIR."
        )
    return ok("disk space", text)


def check_fsync(folder: Path) -> Finding:
    """Writes a small file there and asks the disk to keep it."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            times_ms = []
            for _ in range(_FSYNC_TRIES):
                file.write(b"x" * 4096)
                file.flush()
                began = time.perf_counter()
                os.fsync(file.fileno())
                times_ms.append((time.perf_counter() - began) * 1000)
    except OSError as error:
        return wrong(
            "fsync",
            f"{folder}: {error.strerror}",
            "Make the folder writable for this user, or set COINSLOT_DATA_DIR.",
        )
    return judge_fsync(folder, statistics.median(times_ms))


def judge_fsync(folder: Path, median_ms: float) -> Finding:
    """What a median time to durable storage means."""
    text = f"{median_ms:.2f} ms (median of {_FSYNC_TRIES}) in {folder}"
    if median_ms > SLOWEST_FSYNC_MS:
        return wrong(
            "fsync", text, "Put the data on a local SSD: set COINSLOT_DATA_DIR or COINSLOT_DATABASE_URL."
        )
    return ok("fsync", text)


def _programs(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is not None:
        yield skipped("postgres program", "the database is elsewhere")
    else:
        try:
            yield ok("postgres program", find_postgres().version)
        except EngineError as error:
            yield wrong("postgres program", error.message, error.remedy)
    if settings.nats_url is not None:
        yield skipped("nats program", "the broker is elsewhere")
    else:
        try:
            yield ok("nats program", find_nats()[1])
        except EngineError as error:
            yield wrong("nats program", error.message, error.remedy)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
