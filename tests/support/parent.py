"""A process that owns engines and can be killed: `python -m tests.support.parent FOLDER [UID]`.

It prints `ready POSTGRES_PID NATS_PID`, then waits for its standard input to end. With a UID it first becomes
that user for good.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  (while we may still read the interpreter's own folder)
import os
import sys
from pathlib import Path

from coinslot.engines.broker import EmbeddedBroker
from coinslot.engines.errors import EngineError
from coinslot.engines.postgres import EmbeddedPostgres
from tests.support.engines import UNSAFE_BUT_QUICK


def main() -> int:
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        uid = int(sys.argv[2])
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    try:
        with (
            EmbeddedPostgres(folder / "postgres", settings=UNSAFE_BUT_QUICK) as postgres,
            EmbeddedBroker(folder / "nats") as broker,
        ):
            print("ready", postgres.pid, broker.pid, flush=True)
            sys.stdin.read()
    except EngineError as error:
        print("refused", error.message, "|", error.remedy, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
