"""One child process that never outlives us.

The kernel sends the child its stop signal the moment our main thread ends, kill -9 included
(PR_SET_PDEATHSIG, Linux). The signal follows the *thread* that forked, hence the main thread only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coinslot.engines.errors import StartFailed
from coinslot.engines.identity import Identity

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may take the loader's lock.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class StopPlan:
    """The signals of one child, mildest first; each but the last is given its time to work."""

    polite: signal.Signals
    polite_s: float
    firm: signal.Signals = signal.SIGKILL
    firm_s: float = 5.0


class Child:
    """A running child process. Made by `spawn`; its owner calls `stop`, which may be called twice."""

    def __init__(self, process: subprocess.Popen[bytes], plan: StopPlan, name: str) -> None:
        self._process = process
        self._plan = plan
        self.name = name

    @property
    def pid(self) -> int:
        """The child's process id, also after it has ended."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs; reaps it if it has ended."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if a signal ended it."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> bool:
        """True once it has ended, False if it still runs after that time."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it and wait until it is gone: politely, then firmly, then with SIGKILL."""
        for sig, patience_s in (
            (self._plan.polite, self._plan.polite_s),
            (self._plan.firm, self._plan.firm_s),
            (signal.SIGKILL, 5.0),
        ):
            if not self.running:
                return
            self._process.send_signal(sig)
            if self.wait(patience_s):
                return


def spawn(
    argv: Sequence[str | Path],
    *,
    name: str,
    plan: StopPlan,
    identity: Identity,
    log: Path,
    environment: Mapping[str, str],
    keep_open: Sequence[int] = (),
) -> Child:
    """Start a child in a session of its own, as `identity`, its output appended to `log`.

    `keep_open` are descriptors it inherits (a folder's lock, say, which then lasts as long as the child).
    RuntimeError off the main thread; StartFailed when the program cannot be executed.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            f"{name} must be started from the main thread: it ends with the thread that starts it"
        )
    parent = os.getpid()
    death_signal = int(plan.polite)

    def die_with_parent() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        # The parent may have died between fork and prctl: then no signal will ever come.
        if os.getppid() != parent:
            os._exit(0)

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            [os.fspath(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
            preexec_fn=die_with_parent,  # runs after the change of user, which would clear the signal
            pass_fds=tuple(keep_open),
            user=identity.user_argument,
            group=identity.group_argument,
            extra_groups=identity.groups_argument,
            umask=0o077,
        )
    except OSError as error:
        raise StartFailed(
            f"{name} could not be started: {argv[0]}: {error.strerror}",
            "Check that the file exists and may be executed by the user it runs as.",
        ) from error
    finally:
        os.close(descriptor)
    return Child(process, plan, name)


def tail(log: Path, begin: int = 0, *, lines: int = 8) -> str:
    """The last lines of a child's log after byte `begin`, for an error's text; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(begin, file.seek(0, os.SEEK_END) - 8192))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
