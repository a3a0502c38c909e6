"""What a check found: fine, wrong with what to do, or not looked at with the reason."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """The outcome of one check."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"
    """Could not be looked at; `detail` says why. Does not count as wrong."""


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor's report; `remedy` is there exactly when the state is wrong."""

    check: str
    state: State
    detail: str
    remedy: str | None = None


def ok(check: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(check, State.OK, detail)


def wrong(check: str, detail: str, remedy: str) -> Finding:
    """Something to do."""
    return Finding(check, State.WRONG, detail, remedy)


def skipped(check: str, detail: str) -> Finding:
    """Not looked at."""
    return Finding(check, State.SKIPPED, detail)
