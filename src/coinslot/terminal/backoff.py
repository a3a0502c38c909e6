"""Growing, jittered waits, the same for the same terminal and attempt: a replay repeats itself."""

from __future__ import annotations

import zlib


def backoff_ms(base_ms: int, cap_ms: int, attempt: int, key: str) -> int:
    """A wait between half of and the whole of base × 2^attempt, at most `cap_ms`.

    The jitter comes from `key` and `attempt`, so five thousand terminals that lose their broker in the
    same second come back spread out, and yet no randomness enters the core.
    """
    whole = min(cap_ms, base_ms << min(attempt, 20))
    return whole // 2 + whole // 2 * (zlib.crc32(f"{key}:{attempt}".encode()) % 1000) // 1000
