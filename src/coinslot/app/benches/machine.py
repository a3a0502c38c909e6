"""On what a figure was taken: the machine, its disk, and the versions of everything that counts."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from pathlib import Path
from statistics import median

from msgspec import Struct

from coinslot import __version__
from coinslot.engines.binaries import find_nats, find_postgres

_PACKAGES = ("asyncpg", "nats-py", "gmqtt", "litestar", "uvicorn", "uvloop", "msgspec")
_SYNCS = 200
_SYNC_BYTES = 300
"""About a `started` record in an agent's journal."""


class Machine(Struct, frozen=True, kw_only=True):
    """Printed with every result."""

    cpu: str
    cores: int
    memory_mb: int
    kernel: str
    filesystem: str
    fdatasync_us: float
    """Median of an append of 300 bytes with fdatasync, in the measurements' folder."""
    load_before: float
    """The load average of the last minute: others' work, when it is not near 0."""
    versions: dict[str, str]


def look(folder: Path) -> Machine:
    """This machine, with `folder` on the disk that is measured."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        filesystem=_filesystem(folder),
        fdatasync_us=round(median(appends_s(folder / "fdatasync", _SYNCS)) * 1e6, 1),
        load_before=round(os.getloadavg()[0], 2),
        versions={
            "coinslot": __version__,
            "python": platform.python_version(),
            "postgresql": find_postgres().version,
            "nats-server": find_nats()[1],
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
    )


def appends_s(path: Path, times: int) -> list[float]:
    """How long each of so many durable appends to a file takes, seconds."""
    data = b"x" * _SYNC_BYTES
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    took = []
    try:
        for _ in range(times):
            began = time.perf_counter()
            os.write(descriptor, data)
            os.fdatasync(descriptor)
            took.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return took


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _filesystem(folder: Path) -> str:
    found = ("?", "")
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        device, where, kind, *_ = line.split()
        inside = folder.resolve().is_relative_to(where)
        if inside and len(where) >= len(found[1]):
            found = (f"{kind} on {device}", where)
    return found[0]
