"""`coinslot release` and `coinslot operator update`, typed as an operator types them."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.app.seed import make_fleet
from coinslot.wire.ids import OperatorId
from tests.support.releases import archive

Run = Callable[..., str]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)
    monkeypatch.setenv("COINSLOT_SECRET_KEY", "the secret of this test's installation")

    def type_it(*words: str) -> str:
        result = CliRunner().invoke(coinslot, list(words))
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return type_it


def test_from_a_key_to_an_offer(run: Run, database_url: str, tmp_path: Path) -> None:
    operator = json.loads(run("operator", "create", "Baths", "--json"))["operator_id"]

    async def fleet() -> None:
        connection = await asyncpg.connect(database_url)
        await make_fleet(connection, OperatorId(operator), terminals=2)
        await connection.close()

    asyncio.run(fleet())
    key, artifact = tmp_path / "maker.pem", tmp_path / "agent.zip"
    public = run("release", "keygen", str(key)).strip()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(Problem, match="already"):
        run("release", "keygen", str(key))

    artifact.write_bytes(archive())
    sign = ("release", "sign", str(artifact), "--key", str(key), "--version", "1.7", "--serial")
    run(*sign, "7")
    assert "serial 7, for *" in run("release", "verify", str(artifact), "--key", public)
    with pytest.raises(Problem, match="None of these keys"):
        run("release", "verify", str(artifact), "--key", "0" * 64)
    key.chmod(0o640)
    with pytest.raises(Problem, match="read by others"):
        run(*sign, "8")
    key.chmod(0o600)
    with pytest.raises(Problem):
        run(*sign, "8", "--audience", "no one")

    offer = ("operator", "update", "offer", str(artifact))
    with pytest.raises(Problem, match="signature"):
        run(*offer, "--all")
    run("operator", "update", "trust", public, "maker")
    assert public in run("operator", "update", "keys")
    with pytest.raises(Problem, match="terminals"):
        run(*offer)
    with pytest.raises(Problem, match="https"):
        run(*offer, "--all", "--url", "http://updates.example/agent.zip")
    made = json.loads(run(*offer, "--all", "--first", "1", "--json"))
    assert [(one["step"], one["ahead"], one["serial"]) for one in made] == [
        ("waiting", True, 7),
        ("waiting", False, 7),
    ]
    run("operator", "update", "widen", made[0]["offer_id"])
    run("operator", "update", "stop", made[0]["offer_id"])
    assert "1.7" in run("operator", "update", "list")
    run("operator", "update", "distrust", "maker")
    artifact.write_bytes(archive(mark="changed"))
    with pytest.raises(Problem, match="not the one that was signed"):
        run(*offer, "--all")
