"""`coinslot conformance` as a maker of firmware runs it: a real broker, a real firmware, its power really cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
AGENT = f"{sys.executable} -m coinslot.sandbox.conformance.agent {{host}} {{port}} {{terminal}} {{secret}} {{folder}} {{ca}}"
EXAMPLE = f"{sys.executable} {ROOT / 'examples/micropython/main.py'} {{host}} {{port}} {{terminal}} {{secret}} {{folder}} {{ca}}"
WIRE = (
    "mqtt-login",
    "clean-session",
    "topics",
    "keep-alive",
    "hello-first",
    "ping",
    "start",
    "malformed",
    "valid",
    "own-topics",
)


class Said(msgspec.Struct):
    """One rule of the report."""

    name: str
    result: str
    why: str


class Report(msgspec.Struct):
    """The report as JSON."""

    kept: bool
    firmware: str
    rules: list[Said]


def conformance(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "coinslot.app", "conformance", *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )


def report(*words: str) -> Report:
    """Run it, and read what it found."""
    done = conformance("--json", *words)
    assert done.returncode in (0, 1), done.stderr
    return msgspec.json.decode(done.stdout, type=Report)


def only(*names: str) -> list[str]:
    """Options that choose these rules."""
    return [word for name in names for word in ("--rule", name)]


def test_the_agent_keeps_the_rules_over_the_wire() -> None:
    found = report(
        "--firmware", AGENT, "--control", "keypad", *only(*WIRE, "link-outlives-power", "code-entered")
    )

    assert [one for one in found.rules if one.result != "passed"] == []
    assert found.kept
    assert found.firmware == "coinslot-agent"


def test_the_example_keeps_them_over_tls() -> None:
    found = report("--firmware", EXAMPLE, "--tls", *only(*WIRE, "power-loss"))

    assert [one for one in found.rules if one.result != "passed"] == []


def test_a_firmware_that_breaks_a_rule_fails_the_run_with_the_rule_and_the_bytes(tmp_path: Path) -> None:
    copy = tmp_path / "wrong"
    copy.mkdir()
    for file in (ROOT / "examples/micropython").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        (copy / file.name).write_text(text.replace("0x02 | 0x04", "0x00 | 0x04"), encoding="utf-8")
    command = EXAMPLE.replace(str(ROOT / "examples/micropython"), str(copy))

    done = conformance("--firmware", command, *only("clean-session", "mqtt-login"))

    assert done.returncode == 1
    assert "✗ 1.2" in done.stdout
    assert "CONNECT without the clean-session flag" in done.stdout
    assert "docs/link/README.md#connection" in done.stdout
    assert "1 passed, 1 failed, 0 skipped" in done.stdout


def test_the_command_says_what_is_wrong_with_its_own_arguments() -> None:
    asked = conformance("--rule", "of-tomorrow")
    listed = conformance("--list")

    assert (asked.returncode, listed.returncode) == (1, 0)
    assert "there is no rule 'of-tomorrow'" in asked.stderr
    assert "link-outlives-power" in listed.stdout


def test_a_decoder_is_judged_by_the_vectors() -> None:
    good = conformance("--vectors", f"{sys.executable} {ROOT / 'examples/micropython/vectors.py'}")
    lazy = conformance("--vectors", f"{sys.executable} -c 'import sys; [print(\"ok\") for _ in sys.stdin]'")

    assert (good.returncode, lazy.returncode) == (0, 1)
    assert good.stdout.endswith(" right, 0 wrong\n")
    assert "expected refused" in lazy.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("firmware", "controls"),
    [(AGENT, ("keypad", "stop", "flow")), (EXAMPLE, ("stop", "flow"))],
    ids=["agent", "example"],
)
def test_every_rule_over_the_wire(firmware: str, controls: tuple[str, ...]) -> None:
    found = report("--firmware", firmware, *(word for one in controls for word in ("--control", one)))

    assert [one for one in found.rules if one.result == "failed"] == []
