"""The sandbox's time: moved by hand, hurried, and what falls due in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.sandbox.providers.clock import STILL, SandboxClock

BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@contextlib.asynccontextmanager
async def running(clock: SandboxClock) -> AsyncIterator[SandboxClock]:
    """Does what falls due while the block runs."""
    task = asyncio.create_task(clock.run())
    try:
        yield clock
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def noting(done: list[tuple[str, float]], clock: SandboxClock, name: str) -> Callable[[], Awaitable[None]]:
    """Writes down when it was done."""

    async def note() -> None:
        done.append((name, (clock.now() - BEGIN).total_seconds()))

    return note


async def test_time_that_stands_still_passes_only_by_hand() -> None:
    done: list[tuple[str, float]] = []
    async with running(SandboxClock(speed=STILL, begin=BEGIN)) as clock:
        for name, after_s in (("c", 20), ("a", 10), ("b", 10), ("now", 0)):
            clock.after(after_s, noting(done, clock, name))
        await clock.settled()
        assert done == [("now", 0)]
        await clock.advance(19)
        assert done[1:] == [("a", 10), ("b", 10)]
        assert clock.now() == BEGIN + timedelta(seconds=19)
        await clock.advance(1)
        assert done[3:] == [("c", 20)]


async def test_what_falls_due_may_ask_for_more() -> None:
    done: list[tuple[str, float]] = []
    async with running(SandboxClock(speed=STILL, begin=BEGIN)) as clock:

        async def again() -> None:
            done.append(("again", (clock.now() - BEGIN).total_seconds()))
            clock.after(60, again)

        clock.after(60, again)
        await clock.advance(3600)
    assert [at for _, at in done] == [60.0 * turn for turn in range(1, 61)]


async def test_what_was_cancelled_is_not_done() -> None:
    done: list[tuple[str, float]] = []
    async with running(SandboxClock(speed=STILL, begin=BEGIN)) as clock:
        clock.after(5, noting(done, clock, "x")).cancel()
        await clock.advance(10)
    assert done == []


async def test_hurried_time_passes_by_itself() -> None:
    passed = asyncio.Event()
    async with running(SandboxClock(speed=10_000, begin=BEGIN)) as clock:

        async def note() -> None:
            passed.set()

        clock.after(1000, note)
        async with asyncio.timeout(5):
            await passed.wait()
        assert clock.now() >= BEGIN + timedelta(seconds=1000)


async def test_a_failure_is_not_swallowed() -> None:
    clock = SandboxClock(speed=STILL, begin=BEGIN)

    async def fail() -> None:
        raise ZeroDivisionError

    clock.after(0, fail)
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(5):
            await clock.run()
    assert caught.group_contains(ZeroDivisionError)
