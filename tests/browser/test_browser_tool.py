"""`tools/browser`: quick where all is there, plain where something is missing, root or not."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "browser"


class Machine:
    """A machine with a folder of programs of its own, and the tool moved to look there."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.browser = self.bin / "chromium"
        self.font = folder / "font.ttc"
        text = TOOL.read_text(encoding="utf-8")
        for before, after in (
            ("/usr/bin/chromium", self.browser),
            ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", self.font),
        ):
            assert before in text
            text = text.replace(before, str(after))
        self.tool = folder / "browser"
        self.tool.write_text(text, encoding="utf-8")
        for name in ("sh", "head"):
            (self.bin / name).symlink_to(f"/bin/{name}" if name == "sh" else "/usr/bin/head")

    def has(self, name: str, script: str = "exit 0") -> None:
        """A program that does this."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def runs(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """The tool, on this machine."""
        return subprocess.run(
            ["/bin/sh", str(self.tool)],
            env={"PATH": str(self.bin), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with nothing on it."""
    return Machine(tmp_path)


def test_where_all_is_there_nothing_is_said_nor_done(machine: Machine) -> None:
    machine.has("chromium")
    machine.font.touch()
    began = time.monotonic()
    done = machine.runs()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - began < 1.0


def test_another_browser_may_be_named_and_any_chinese_font_will_do(machine: Machine) -> None:
    machine.has("other-browser")
    machine.has("fc-list", 'echo "/fonts/some.ttf: Some"')
    assert machine.runs(COINSLOT_CHROMIUM=str(machine.bin / "other-browser")).returncode == 0


def test_a_named_browser_that_is_not_there_is_said_at_once(machine: Machine) -> None:
    machine.font.touch()
    done = machine.runs(COINSLOT_CHROMIUM="/nowhere/chromium")
    assert done.returncode == 1
    assert "COINSLOT_CHROMIUM names no program: /nowhere/chromium" in done.stderr


def test_without_root_it_says_what_to_install(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    machine.has("apt-get", "echo tried >&2")
    done = machine.runs()
    assert done.returncode == 1
    assert "sudo apt-get install chromium fonts-noto-cjk" in done.stderr
    assert "tried" not in done.stderr


def test_root_installs_what_is_missing_and_nothing_else(machine: Machine) -> None:
    machine.has("chromium")
    machine.has("id", "echo 0")
    machine.has("apt-get", f'echo "$@" >> "{machine.bin}/asked"; [ "$1" = update ] || : > "{machine.font}"')
    done = machine.runs()
    assert done.returncode == 0, done.stderr
    asked = (machine.bin / "asked").read_text(encoding="utf-8").splitlines()
    assert asked == ["update -q", "install -y -q --no-install-recommends fonts-noto-cjk"]


def test_an_installation_that_fails_is_said(machine: Machine) -> None:
    machine.has("id", "echo 0")
    machine.has("apt-get", "exit 100")
    done = machine.runs()
    assert done.returncode == 1
    assert "apt-get could not install chromium fonts-noto-cjk" in done.stderr


def test_make_demo_and_make_bench_never_ask_for_a_browser() -> None:
    for target in ("demo", "bench"):
        plan = subprocess.run(
            ["make", "-n", target],
            cwd=TOOL.parents[1],
            capture_output=True,
            text=True,
            check=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        )
        assert "tools/browser" not in plan.stdout
