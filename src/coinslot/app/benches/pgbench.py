"""PostgreSQL's own benchmark as the limit: TPC-B, on the same server, with the same durability."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from urllib.parse import parse_qs, urlsplit

from coinslot.app.errors import Problem
from coinslot.engines.binaries import find_postgres
from coinslot.engines.connect import ensure_database
from coinslot.engines.postgres import SUPERUSER, EmbeddedPostgres

_DATABASE = "tpcb"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_PATIENCE_S = 120


class PgBench:
    """pgbench beside the server it measures."""

    def __init__(self, postgres: EmbeddedPostgres, scale: int) -> None:
        root = find_postgres().root
        self._program = root / "bin" / "pgbench"
        parts = urlsplit(postgres.url(_DATABASE))
        query = parse_qs(parts.query)
        self._where = ["-h", query["host"][0], "-p", query["port"][0], "-U", SUPERUSER]
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "LD_LIBRARY_PATH": str(root / "lib"),
            "PGPASSWORD": parts.password or "",
        }
        if not self._program.is_file():
            raise Problem(
                f"there is no {self._program}",
                "Use the packaged PostgreSQL, or one that has pgbench beside it.",
            )
        asyncio.run(ensure_database(postgres.url(_DATABASE)))
        self._run("-i", "-q", "-s", str(scale))

    def tps(self, clients: int, seconds: float) -> float:
        """Transactions a second, prepared statements, without the time to connect."""
        threads = min(clients, os.cpu_count() or 1)
        words = self._run(
            *("-n", "-M", "prepared", "-c", str(clients), "-j", str(threads)),
            *("-T", str(max(1, round(seconds)))),
        )
        found = _TPS.search(words)
        if found is None:
            raise Problem(f"pgbench said no tps:\n{words}", "Run it by hand.")
        return float(found[1])

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._program, *self._where, *arguments, _DATABASE],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise Problem(f"pgbench failed:\n{done.stderr.strip()[-500:]}", "Run it by hand.")
        return done.stdout
