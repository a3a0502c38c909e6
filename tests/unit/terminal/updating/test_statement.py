"""The statement is what the page says, byte for byte, and its vectors hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from coinslot.terminal.updating.fetching import Refused
from coinslot.terminal.updating.work import prove
from coinslot.wire.messages import UpdateKind
from coinslot.wire.statements import Statement
from tests.support.releases import KEY, release, update

PAGE = (Path(__file__).parents[4] / "docs/link/updates.md").read_text(encoding="utf-8")
TEXTS = re.findall(r"^    text +([0-9a-f]+)\n    signature +([0-9a-f]{128})$", PAGE, re.MULTILINE)
FIRST = update(b"coinslot", version="1.1.0")
SECOND = Statement(
    kind=UpdateKind.CONFIG,
    serial=2**53 - 1,
    version="浴室 2026-11-22",
    sha256=update(b"").sha256,
    size=1,
    audience="op_7k2m9q",
)


def test_the_page_s_vectors_are_these() -> None:
    assert KEY in PAGE
    first = release(FIRST).statement("*")
    assert [bytes.fromhex(text) for text, _ in TEXTS] == [first.text(), SECOND.text()]
    assert "".join(f"    {line}\n" for line in first.text().decode().splitlines()) in PAGE
    assert TEXTS[0][1] == FIRST.signature
    prove(release(FIRST), (KEY,), "")


def test_a_change_of_one_bit_of_the_signature_is_refused() -> None:
    for at in (0, 255, 256, 511):
        changed = int(FIRST.signature, 16) ^ 1 << at
        forged = type(FIRST)(
            **{name: getattr(FIRST, name) for name in FIRST.__struct_fields__}
            | {"signature": f"{changed:0128x}"}
        )
        with pytest.raises(Refused):
            prove(release(forged), (KEY,), "op_a")


def test_the_agent_itself_carries_nothing_of_the_work() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, coinslot.app.terminal; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "coinslot.terminal.updating.updater" in said
    assert not {"cryptography", "zipfile", "coinslot.terminal.updating.work"} & set(said)
