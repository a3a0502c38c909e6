"""The latest value of something slow, kept by a thread for the event loop to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One value and its age. Too old is the same as no answer."""

    def __init__(self, what: str, stale_ms: int, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._what = what
        self._stale_ms = stale_ms
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._value: T | None = None
        self._at_ns = now_ns()
        self._error = "has not answered yet"

    def put(self, value: T) -> None:
        """It answered."""
        with self._lock:
            self._value, self._at_ns, self._error = value, self._now_ns(), ""

    def fail(self, error: Exception) -> None:
        """It did not; the value before it stays good until it is stale."""
        with self._lock:
            self._error = str(error)

    def get(self) -> T:
        """The value. OSError when there is none, or none young enough."""
        with self._lock:
            age_ms = (self._now_ns() - self._at_ns) // 1_000_000
            if self._value is None:
                raise OSError(f"{self._what}: {self._error}")
            if age_ms > self._stale_ms:
                raise OSError(f"{self._what}: no answer for {age_ms} ms: {self._error or 'the bus is late'}")
            return self._value
