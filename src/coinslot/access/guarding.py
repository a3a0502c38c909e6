"""The throttle of a keypad: pure, the same rule on the terminal and on the server.

Only wrong codes count, those of the last 24 hours; a right one neither counts nor resets, so that a customer's own
code does not open the gate for a sweep. From the fifth wrong one on the keypad is locked for 1, 2, 4 … 60 minutes:
at most 33 of them fit into any 24 hours, however they are spread. A locked keypad still takes codes of 12 digits:
those are guarded by their length and by 3 s between two of them, and do not count.

Moments are milliseconds of one clock of the caller's. It must not run ahead by anybody's doing; when it goes back,
what happened last counts as having happened just now, so that a lock is neither shortened nor made endless by it.
"""

from __future__ import annotations

from msgspec import Struct, structs

WINDOW_MS = 86_400_000
"""How long a wrong code counts."""
FREE_TRIES = 5
"""The wrong code that locks for the first time."""
FIRST_LOCK_MS = 60_000
LONGEST_LOCK_MS = 3_600_000
MOST_TRIES = 33
"""Wrong codes of the usual lengths that fit into any 24 hours: proved by counting in the tests."""
LONG_DIGITS = 12
"""The one length that a locked keypad takes."""
LONG_SPACING_MS = 3_000
LONG_TRIES = WINDOW_MS // LONG_SPACING_MS
"""Codes of that length that fit into a day."""


class Guard(Struct, frozen=True, omit_defaults=True):
    """What a keypad remembers. As JSON below 1 KiB: there are never more than a day's moments."""

    wrong_ms: tuple[int, ...] = ()
    """Wrong codes that still count, in their order."""
    until_ms: int = 0
    """Until here only long codes."""
    long_ms: int | None = None
    """When the latest long code was taken, right or wrong."""


OPEN = Guard()
"""A keypad where nobody guessed."""


def lock_ms(tries: int) -> int:
    """For how long so many wrong codes lock it, from the last of them."""
    if tries < FREE_TRIES:
        return 0
    doublings = min(tries - FREE_TRIES, 6)  # 64 min are beyond the longest
    return min(FIRST_LOCK_MS << doublings, LONGEST_LOCK_MS)


def decayed(state: Guard, now_ms: int) -> Guard:
    """The state as it counts at this moment: what is a day old is gone, nothing lies in the future. Worth saving
    where the clock can go back."""
    last = [*state.wrong_ms[-1:]] if state.long_ms is None else [*state.wrong_ms[-1:], state.long_ms]
    back = max(0, max(last, default=now_ms) - now_ms)
    wrong = tuple(at - back for at in state.wrong_ms if at - back > now_ms - WINDOW_MS)
    until = min(state.until_ms - back, now_ms + LONGEST_LOCK_MS)
    long_ms = None if state.long_ms is None else state.long_ms - back
    return Guard(
        wrong_ms=wrong[-MOST_TRIES:],
        until_ms=until if until > now_ms else 0,
        long_ms=long_ms if long_ms is not None and long_ms > now_ms - LONG_SPACING_MS else None,
    )


def tries(state: Guard, now_ms: int) -> int:
    """Wrong codes that still count."""
    return len(decayed(state, now_ms).wrong_ms)


def after_wrong(state: Guard, now_ms: int, length: int) -> Guard:
    """A code of so many digits was wrong. To be on disk before anybody is told."""
    state = decayed(state, now_ms)
    if length == LONG_DIGITS:
        return structs.replace(state, long_ms=now_ms)
    wrong = (*state.wrong_ms, now_ms)
    lock = lock_ms(len(wrong))
    until = max(state.until_ms, now_ms + lock) if lock else state.until_ms
    return structs.replace(state, wrong_ms=wrong[-MOST_TRIES:], until_ms=until)


def taken(state: Guard, now_ms: int, length: int) -> Guard:
    """A code of so many digits is about to be tried: the next long one waits for 3 s."""
    state = decayed(state, now_ms)
    return structs.replace(state, long_ms=now_ms) if length == LONG_DIGITS else state


def held(state: Guard, now_ms: int, ms: int) -> Guard:
    """The other side has it locked for so long from now: the stricter lock wins."""
    state = decayed(state, now_ms)
    return structs.replace(state, until_ms=max(state.until_ms, now_ms + min(ms, LONGEST_LOCK_MS)))


def locked_until_ms(state: Guard, now_ms: int) -> int | None:
    """The moment until which it takes long codes only; None where it is not locked."""
    return decayed(state, now_ms).until_ms or None


def locked_s(state: Guard, now_ms: int) -> int:
    """Seconds until it takes codes of the usual lengths again, rounded up; 0 where it is not locked."""
    until = locked_until_ms(state, now_ms)
    return 0 if until is None else -(-(until - now_ms) // 1000)


def wait_ms(state: Guard, now_ms: int, length: int) -> int:
    """How long a code of so many digits has to wait; 0: it may be tried now."""
    state = decayed(state, now_ms)
    if length != LONG_DIGITS:
        return max(0, state.until_ms - now_ms)
    return 0 if state.long_ms is None else state.long_ms + LONG_SPACING_MS - now_ms
