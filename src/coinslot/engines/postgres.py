"""PostgreSQL as our child, in a folder of ours, from a package's binaries or any others."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from coinslot.engines.binaries import PostgresProgram, find_postgres
from coinslot.engines.children import Child, StopPlan, spawn, tail
from coinslot.engines.engine import Engine, Progress, free_port, silent
from coinslot.engines.errors import FolderBusy, FolderError, StartFailed
from coinslot.engines.identity import Identity, engine_identity, first_closed_folder
from coinslot.engines.sockets import socket_folder

SUPERUSER = "coinslot_admin"
_SOCKET_PORT = 5432  # without TCP it is only a part of the socket's file name
_PASSWORD = "superuser.password"
_INITDB_S = 60.0
# SIGINT is PostgreSQL's "fast" stop: sessions are cut, a checkpoint is written. SIGQUIT leaves recovery.
_STOP = StopPlan(polite=signal.SIGINT, polite_s=30.0, firm=signal.SIGQUIT, firm_s=5.0)

SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    # A young table is planned by guesses until it is analysed; with a minute of that, every start read the whole fleet.
    "autovacuum_naptime": "5s",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "jit": "off",  # our statements are short; compiling them costs more than it saves
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # Statements and their values may name people, so they stay out of the log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres(Engine):
    """A PostgreSQL cluster below `folder`, reached by a Unix socket and, if `tcp_port` is given, on loopback.

    `tcp_port` 0 means any free one, kept for later starts. `settings` go over SETTINGS. `binaries` is a
    folder that holds `postgres` and `initdb`; without it COINSLOT_POSTGRES_BIN, then the package, is used.
    """

    name = "postgres"

    def __init__(
        self,
        folder: Path,
        progress: Progress = silent,
        *,
        binaries: Path | None = None,
        tcp_port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, progress)
        self._binaries = binaries
        self._wanted_port = tcp_port
        self._settings = {**SETTINGS, **(settings or {})}
        self._password = ""
        self.socket_folder = Path()
        self.tcp_port: int | None = None
        self.initialised = False
        """Whether this start made the cluster."""

    @property
    def cluster(self) -> Path:
        """The data directory, mode 0700, the child's own."""
        return self._folder.path / "cluster"

    def url(self, database: str = "coinslot") -> str:
        """A URL with the superuser's password; for `migrate` and `open_pool`, never for a log."""
        return (
            f"postgresql://{SUPERUSER}:{self._password}@/{quote(database)}"
            f"?host={quote(str(self.socket_folder), safe='')}&port={self._port}"
        )

    def tcp_url(self, database: str = "coinslot") -> str:
        """The same by TCP on loopback. RuntimeError when it was not asked for."""
        if self.tcp_port is None:
            raise RuntimeError("PostgreSQL listens on its socket only")
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.tcp_port}/{quote(database)}"

    def attach(self) -> bool:
        """Make `url` that of a server another process runs in this folder. False when none runs there."""
        password = self._folder.read(_PASSWORD)
        if password is None or not self.cluster.exists() or not self._folder.held_by_another():
            return False
        self._password = password
        port = self._folder.read("port")
        self.tcp_port = int(port) if port else None
        self.socket_folder = socket_folder(self._folder, engine_identity(self.cluster))
        return True

    @property
    def _port(self) -> int:
        return _SOCKET_PORT if self.tcp_port is None else self.tcp_port

    def _spawn(self) -> Child:
        identity = engine_identity(self.cluster)
        self._folder.claim(identity)
        program = self._reachable_program(identity)
        self._password = self._superuser_password()
        self._folder.write_secret(_PASSWORD, self._password)
        if not self.cluster.exists():
            if identity.name == str(identity.uid):
                raise FolderError(
                    f"user {identity.uid} has no name on this system, and PostgreSQL's initdb needs one",
                    "Add the user to /etc/passwd, or use a PostgreSQL elsewhere with COINSLOT_DATABASE_URL.",
                )
            self._initialise(program, identity)
        cluster = self._folder.private("cluster", identity)
        self._check_version(program)
        self._drop_stale_pid_file()
        self._choose_port()
        self.socket_folder = socket_folder(self._folder, identity)
        self._progress("starting PostgreSQL")
        return spawn(
            [program.postgres, "-D", cluster, *self._arguments()],
            name=self.name,
            plan=_STOP,
            identity=identity,
            log=self.log,
            environment=_environment(program),
            keep_open=[self._folder.lock_descriptor],
        )

    def _is_ready(self) -> bool:
        """PostgreSQL's own word for it: the last line of postmaster.pid, which pg_ctl reads too."""
        child = self._child
        if child is None or not child.running:
            return False
        try:
            lines = (self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(child.pid) and lines[7].strip() == "ready"

    def _passes(self, words: str) -> bool:
        # The sessions of a server that was killed need a moment to notice and to let go of its memory;
        # and a port may be taken between our look and its bind.
        return any(
            cause in words for cause in ("pre-existing shared memory", "postmaster.pid", "could not bind")
        )

    def _arguments(self) -> list[str]:
        arguments = [
            *("-c", f"unix_socket_directories={self.socket_folder}"),
            *("-c", f"port={self._port}"),
            *("-c", f"listen_addresses={'' if self.tcp_port is None else '127.0.0.1'}"),
        ]
        for key, value in self._settings.items():
            arguments += ["-c", f"{key}={value}"]
        return arguments

    def _superuser_password(self) -> str:
        kept = self._folder.read(_PASSWORD)
        if kept is None and self.cluster.exists():
            raise FolderError(
                f"{self._folder.path / _PASSWORD} is missing, and without it nobody can log in",
                "Restore it from a backup together with the cluster.",
            )
        return kept or secrets.token_hex(24)

    def _initialise(self, program: PostgresProgram, identity: Identity) -> None:
        # Into a draft first: a start that was killed half way leaves no half cluster under the real name.
        self._progress("preparing a new database (once, a few seconds)")
        draft = self._folder.path / "cluster.new"
        if draft.exists():
            shutil.rmtree(draft)
        self._folder.private(draft.name, identity)
        password_file = self._folder.write_secret("initdb.password", self._password, identity)
        options = ["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--data-checksums", "--no-instructions"]
        if program.major >= 17:  # case and order of all the world's letters, the same on every system
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        child = spawn(
            [program.initdb, "-D", draft, "--auth=scram-sha-256", f"--pwfile={password_file}", *options],
            name="initdb",
            plan=StopPlan(polite=signal.SIGTERM, polite_s=5.0),
            identity=identity,
            log=self.log,
            environment=_environment(program),
            keep_open=[self._folder.lock_descriptor],
        )
        try:
            if not child.wait(_INITDB_S) or child.exit_code != 0:
                raise StartFailed(f"initdb failed:\n{tail(self.log)}", f"The whole log is {self.log}.")
        finally:
            child.stop()
            password_file.unlink()
        draft.rename(self.cluster)
        self.initialised = True

    def _reachable_program(self, identity: Identity) -> PostgresProgram:
        """The program as it lies, or a copy in our folder where the child cannot reach the original
        (an installation below /root, started by root)."""
        program = find_postgres(self._binaries)
        if first_closed_folder(program.root / "bin", identity) is None:
            return program
        copy = self._folder.path / f"program-{program.version}"
        if not copy.exists():
            self._progress("copying PostgreSQL's program to where its user can reach it")
            draft = self._folder.path / f"program.new.{os.getpid()}"
            program.copy_to(draft)
            draft.rename(copy)
        return program.moved_to(copy)

    def _check_version(self, program: PostgresProgram) -> None:
        made_by = (self.cluster / "PG_VERSION").read_text(encoding="utf-8").strip()
        if made_by != str(program.major):
            raise FolderError(
                f"{self.cluster} was made by PostgreSQL {made_by}; {program.postgres} is {program.version}",
                f"Point COINSLOT_POSTGRES_BIN at a PostgreSQL {made_by}, or move the data with pg_dump.",
            )

    def _drop_stale_pid_file(self) -> None:
        """Remove a postmaster.pid whose number is another program's by now, as after a power cut: PostgreSQL
        would refuse to start for ever. A server started here by hand, though, must be left alone."""
        path = self.cluster / "postmaster.pid"
        try:
            pid = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
            where = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            return
        if where == self.cluster:
            # Our own server, killed, may still be ending; a stranger's will not end at all.
            if self._child is None:
                raise FolderBusy(
                    f"a PostgreSQL server that coinslot did not start runs on {self.cluster} (process {pid})",
                    "Stop it first, for example with pg_ctl.",
                )
            return
        path.unlink(missing_ok=True)

    def _choose_port(self) -> None:
        if self._wanted_port is None:
            self._folder.forget("port")
            return
        kept = self._folder.read("port")
        preferred = self._wanted_port or (int(kept) if kept else None)
        self.tcp_port = free_port(preferred=self.tcp_port or preferred)
        self._folder.write_secret("port", str(self.tcp_port))


def _environment(program: PostgresProgram) -> dict[str, str]:
    # Nothing inherited: PGDATA, PGPORT or a locale of ours must not steer the child.
    libraries = program.root / "lib"
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LD_LIBRARY_PATH": str(libraries), "TZ": "UTC"}
