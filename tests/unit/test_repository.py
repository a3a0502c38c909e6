"""The tree itself: nothing in it points outside, nothing is left half done, every folder says what it is for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREES = ("src", "tests", "docs", "examples", "requirements", "tools", ".ci")
SUFFIXES = {"", ".csv", ".json", ".lock", ".md", ".py", ".sql", ".svg", ".toml", ".yaml", ".yml"}
MOST_SOURCE_LINES = 300
MOST_TEST_LINES = 600
MOST_BYTES = 200_000
MOST_LOCK_BYTES = 400_000
"""A hash for each file of each package: written by a program, read by one."""
TABBED = {"Makefile"}


def files() -> Iterator[Path]:
    """Every text file that is ours; not what runs and tools leave behind."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in SUFFIXES)
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts:
                yield path


EVERY = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files()}
PYTHON = {name: text for name, text in EVERY.items() if name.endswith(".py")}

# In halves, so that this file does not name them either.
REGISTRIES = [
    f"{name}.{end}"
    for name, end in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("docker", "io"),
        ("golang", "org"),
        ("anaconda", "org"),
        ("debian", "org"),
    )
]
UNFINISHED = ["TO" + "DO", "FIX" + "ME"]
AT_HOME = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|tmp)/[\w.-]")
SECRET = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE " + r"KEY-----|\bcsk_[\w-]{40,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}"
)


def hits(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    """Where it occurs, as `file:line: text`."""
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_walk_finds_the_tree() -> None:
    assert {"Makefile", "README.md", "requirements/dev.lock", ".ci/run"} <= set(EVERY)
    assert len(PYTHON) > 100


def test_no_package_registry_is_named() -> None:
    assert hits(re.compile("|".join(map(re.escape, REGISTRIES)), re.IGNORECASE), EVERY) == []


def test_no_path_of_anybodys_machine_is_named() -> None:
    assert hits(AT_HOME, EVERY) == []


def test_no_secret_lies_around() -> None:
    assert hits(SECRET, EVERY) == []


def test_nothing_is_marked_as_unfinished() -> None:
    assert hits(re.compile(rf"\b(?:{'|'.join(UNFINISHED)})\b"), EVERY) == []


def test_no_line_ends_in_space_and_none_holds_a_tab() -> None:
    assert hits(re.compile(r"[ \t]+$"), EVERY) == []
    assert hits(re.compile(r"\t"), {name: text for name, text in EVERY.items() if name not in TABBED}) == []
    assert [name for name, text in EVERY.items() if text and not text.endswith("\n")] == []


def test_files_stay_small() -> None:
    lines = {name: text.count("\n") for name, text in PYTHON.items()}
    limits = {name: MOST_TEST_LINES if name.startswith("tests/") else MOST_SOURCE_LINES for name in lines}
    assert {name: count for name, count in lines.items() if count > limits[name]} == {}
    sizes = {name: len(text.encode()) for name, text in EVERY.items()}
    most = {name: MOST_LOCK_BYTES if name.endswith(".lock") else MOST_BYTES for name in sizes}
    assert [name for name, size in sizes.items() if size > most[name]] == []


def packages() -> list[str]:
    """Folders of the product, at whatever depth."""
    return [
        name
        for name in PYTHON
        if name.startswith("src/coinslot/") and name.endswith("/__init__.py") and name.count("/") > 2
    ]


@pytest.mark.parametrize("name", packages())
def test_every_folder_says_what_it_owns_what_it_leaves_to_others_and_what_always_holds(name: str) -> None:
    said = ast.get_docstring(ast.parse(PYTHON[name])) or ""
    for heading in ("Owns", "Does not decide", "Invariants"):
        assert re.search(rf"^\**{heading}\b", said, re.MULTILINE), f"{name}: nothing under {heading!r}"
