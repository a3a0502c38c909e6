"""Looks at everything a terminal needs, part by part, for whoever has just wired it: what works, what does not, what
to do next. Valves open for a moment; nothing is sold, no credit is given."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from coinslot.terminal.clock import Clock
from coinslot.terminal.identity import Identity

WRITES = 5
SLOW_MS = 200
"""A card that takes longer for one line holds up every start, and the loop with it."""
DEAD_MS = 1_500
"""The watchdog shuts the valves when the loop stands for 1.8 s."""
CONNECT_S = 10
LINE_BYTES = 500


class Level(StrEnum):
    """How a part does."""

    OK = "OK"
    WARN = "WARN"
    """It works, but look at it."""
    FAIL = "FAIL"
    SKIP = "SKIP"
    """Not looked at."""


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part."""

    part: str
    level: Level
    said: str
    next: str = ""
    """What to do."""


def ok(part: str, said: str) -> Finding:
    """It works."""
    return Finding(part=part, level=Level.OK, said=said)


def warn(part: str, said: str, then: str) -> Finding:
    """It works, but."""
    return Finding(part=part, level=Level.WARN, said=said, next=then)


def fail(part: str, said: str, then: str) -> Finding:
    """It does not."""
    return Finding(part=part, level=Level.FAIL, said=said, next=then)


def skip(part: str, said: str) -> Finding:
    """Not looked at."""
    return Finding(part=part, level=Level.SKIP, said=said)


# ---------------------------------------------------------------- disk and clock


def disk(directory: Path) -> Finding:
    """How long a line takes to the disk, at its slowest."""
    part = "journal"
    # Not made here: one that root made would be closed to the agent.
    if not directory.is_dir():
        return fail(part, f"{directory} does not exist", f"Run: install -d -o coinslot -m 700 {directory}")
    try:
        slowest_ms = max(_writes(directory / "check.tmp"))
    except OSError as error:
        return fail(
            part,
            f"{directory} cannot be written: {error.strerror}",
            "Make it writable for the user that runs the agent, on a disk with room.",
        )
    said = f"{directory}: a line reaches the disk within {slowest_ms} ms"
    if slowest_ms >= DEAD_MS:
        return fail(part, said, "The card or disk is failing or far too slow; replace it.")
    if slowest_ms >= SLOW_MS:
        return warn(part, said, "Starts will be slow; an industrial SD card or eMMC takes below 50 ms.")
    return ok(part, said)


def _writes(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(WRITES):
            began = time.monotonic_ns()
            os.write(fd, bytes(LINE_BYTES))
            os.fsync(fd)
            yield (time.monotonic_ns() - began) // 1_000_000
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)


def wall_clock(clock: Clock) -> Finding:
    """Whether the board knows the time."""
    wall_ms = clock.wall_ms()
    if wall_ms is None:
        return warn(
            "clock",
            "the board's clock is older than this release",
            "Terminals work without; with a battery clock or NTP, times in records are exact from the first second.",
        )
    return ok("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall_ms // 1000)))


# ---------------------------------------------------------------- link


async def link(identity: Identity, make_tls: Callable[[], ssl.SSLContext | None] | None) -> Finding:
    """Whether the broker can be reached, and is who it says it is."""
    where = f"{identity.mqtt_host}:{identity.mqtt_port}"
    began = time.monotonic_ns()
    try:
        context = None if make_tls is None else make_tls()
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(identity.mqtt_host, identity.mqtt_port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return fail(
            "link",
            f"{where}: its certificate is not trusted: {error.verify_message or error}",
            "If the server's certificate authority was replaced, claim this terminal again.",
        )
    except ssl.SSLError as error:
        return fail("link", f"{where}: TLS failed: {error.reason}", "Is this the broker's MQTT port?")
    except TimeoutError:
        return fail(
            "link", f"{where}: no answer in {CONNECT_S} s", "Check SIM card, antenna, network, firewall."
        )
    except OSError as error:
        return fail(
            "link", f"{where}: {error.strerror or error}", "Check network, name service and firewall."
        )
    passed_ms = (time.monotonic_ns() - began) // 1_000_000
    writer.close()
    secured = "TLS, certificate trusted" if context is not None else "no TLS"
    return ok("link", f"{where} answers in {passed_ms} ms ({secured})")


def text(findings: list[Finding]) -> str:
    """The report for people."""
    wide = max((len(one.part) for one in findings), default=0)
    lines = []
    for one in findings:
        lines.append(f"{one.level:4}  {one.part:{wide}}  {one.said}")
        if one.next:
            lines.append(f"{'':4}  {'':{wide}}  → {one.next}")
    failed = sum(one.level is Level.FAIL for one in findings)
    lines.append("")
    lines.append("Everything needed works." if not failed else f"{failed} of {len(findings)} failed.")
    return "\n".join(lines)
