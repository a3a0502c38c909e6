"""Which programs are accepted as engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from coinslot.engines.binaries import find_nats, find_postgres
from coinslot.engines.errors import BinaryMissing


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_packages_own_programs_are_found() -> None:
    assert find_postgres().major >= 18
    assert find_nats()[1] == "2.15.1"


@pytest.mark.parametrize("version", ["2.9.10", "2.15.0", "1.99.99"])
def test_an_older_broker_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(BinaryMissing, match=rf"NATS {version}; 2\.15\.1 or later is needed") as caught:
        find_nats(program(tmp_path / "nats-server", f"nats-server: v{version}"))
    assert "COINSLOT_NATS_BIN" in caught.value.remedy


@pytest.mark.parametrize("version", ["2.15.1", "2.16.0", "3.0.0"])
def test_a_newer_broker_is_accepted_also_by_variable(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "nats-server", f"nats-server: v{version}")
    monkeypatch.setenv("COINSLOT_NATS_BIN", str(path))
    assert find_nats() == (path, version)


def test_an_older_postgres_is_refused(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        program(tmp_path / "bin" / name, f"{name} (PostgreSQL) 14.11")
    with pytest.raises(BinaryMissing, match=r"PostgreSQL 14\.11"):
        find_postgres(tmp_path / "bin")


def test_a_distributions_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("postgres", "initdb"):
        program(tmp_path / "bin" / name, f"{name} (PostgreSQL) 15.10 (Debian 15.10-0+deb12u1)")
    monkeypatch.setenv("COINSLOT_POSTGRES_BIN", str(tmp_path / "bin"))
    found = find_postgres()
    assert (found.version, found.major, found.root) == ("15.10", 15, tmp_path)


def test_a_program_that_is_not_there_or_is_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(BinaryMissing, match="there is no"):
        find_nats(tmp_path / "nowhere")
    with pytest.raises(BinaryMissing, match="there is no"):
        find_postgres(tmp_path)
    with pytest.raises(BinaryMissing, match="says 'hello'"):
        find_nats(program(tmp_path / "nats-server", "hello"))
    unreadable = tmp_path / "not-executable"
    unreadable.write_bytes(b"\x00")
    with pytest.raises(BinaryMissing, match="cannot be run"):
        find_nats(unreadable)
