"""The command line as a person meets it: a fresh process each time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coinslot.app.cli import COMMANDS, command

REPOSITORY = Path(__file__).resolve().parents[3]
EXISTING = [
    n for n, e in COMMANDS.items() if (REPOSITORY / "src" / (e.module.replace(".", "/") + ".py")).exists()
]


def coinslot(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COINSLOT_")}
    return subprocess.run(
        [sys.executable, "-m", "coinslot.app", *arguments],
        env={**kept, "PYTHONPATH": str(REPOSITORY / "src"), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command_with_an_example() -> None:
    done = coinslot("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert "Example: coinslot demo" in done.stdout


@pytest.mark.parametrize("name", EXISTING)
def test_each_command_explains_itself_with_an_example(name: str) -> None:
    done = CliRunner().invoke(command, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert re.search("Examples?:", done.output)


def test_a_mistyped_command_is_answered_with_the_nearest() -> None:
    done = coinslot("docter")
    assert done.returncode == 2
    assert "There is no command 'docter'. Did you mean 'doctor'?" in done.stderr


def test_a_problem_is_two_lines_and_exit_code_one() -> None:
    done = coinslot("db", "status", COINSLOT_HTTP_PORT="none")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("coinslot: COINSLOT_HTTP_PORT")
    assert done.stderr.splitlines()[1].startswith("→ ")
    assert len(done.stderr.splitlines()) == 2


def test_a_server_does_not_start_with_a_default_secret() -> None:
    done = coinslot("db", "migrate", COINSLOT_SECRET_KEY="changeme")
    assert done.returncode == 1
    assert "everybody knows" in done.stderr


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = (
        "import sys, runpy; sys.argv = ['coinslot', '--help']\n"
        "try: runpy.run_module('coinslot.app', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'asyncpg', 'litestar', 'nats', 'nkeys', 'rich', 'uvicorn', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_named_with_the_way_to_get_it() -> None:
    code = (
        "import sys; sys.modules['asyncpg'] = None; sys.argv = ['coinslot', 'db', 'status']\n"
        "from coinslot.app.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "needs asyncpg, which is not installed" in done.stderr
    assert "pip install 'coinslot[server,engines]'" in done.stderr
