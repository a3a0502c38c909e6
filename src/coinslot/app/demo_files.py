"""The demo's secrets on disk: lines of two words, for their owner's eyes alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def kept_words(file: Path) -> list[tuple[str, str]]:
    """The lines that are there; none where there is no such file."""
    if not file.exists():
        return []
    lines = (line.split() for line in file.read_text(encoding="ascii").splitlines())
    return [(line[0], line[1]) for line in lines if len(line) == 2]


def keep_words(file: Path, lines: Iterable[tuple[str, str]]) -> None:
    """Replace the file, whole or not at all."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as written:
        written.writelines(f"{first} {second}\n" for first, second in lines)
    draft.replace(file)
