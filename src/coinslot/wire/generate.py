"""Writes docs/link from the types: `python -m coinslot.wire.generate`, or `--check` that it is current."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from coinslot.wire.codec import encode
from coinslot.wire.documents import asyncapi, schemas, tables
from coinslot.wire.documents.examples import EXAMPLES, Anything
from coinslot.wire.documents.refusals import REFUSALS, Direction
from coinslot.wire.documents.source import DOWN, RECORDS, UP, Json, tag
from coinslot.wire.topics import VERSION

FOLDER = Path(__file__).parents[3] / "docs" / "link"
_BEGIN = "<!-- generated from the types: begin -->\n"
_END = "<!-- generated from the types: end -->\n"


def vectors() -> dict[str, Json]:
    """Every example with its exact bytes, then every refusal with its reason."""
    return {
        "link_version": VERSION,
        "valid": [
            {
                "name": example.name,
                "direction": direction_of(example.message),
                "type": tag(type(example.message)),
                "message": msgspec.json.decode(encode(example.message)),
                "text": encode(example.message).decode(),
                "base64": base64.b64encode(encode(example.message)).decode(),
            }
            for example in EXAMPLES
        ],
        "invalid": [
            {
                "name": refusal.name,
                "direction": refusal.direction,
                "reason": refusal.reason,
                "text": refusal.data.decode("utf-8", "replace") if len(refusal.data) < 400 else None,
                "base64": base64.b64encode(refusal.data).decode(),
            }
            for refusal in REFUSALS
        ],
    }


def direction_of(message: Anything) -> Direction:
    """How a message travels; a record travels inside a `records` message."""
    kind = type(message)
    if kind in UP:
        return "up"
    return "down" if kind in DOWN else "record"


def documents(readme: str) -> dict[str, str]:
    """Every generated file by its path below docs/link; `readme` is the hand-written one as it stands."""
    made = {
        "README.md": _with_tables(readme),
        "asyncapi.json": _text(asyncapi.document()),
        "vectors.json": _text(vectors()),
    }
    for folder, kinds in (("up", UP), ("down", DOWN), ("records", RECORDS)):
        for kind in kinds:
            made[f"schemas/{folder}/{tag(kind)}.json"] = _text(schemas.document(kind))
    return made


def stale(folder: Path) -> list[str]:
    """The files below `folder` that are not what the types say now: changed, missing, or left over.

    Other pages beside the README are nobody's types: they are left alone.
    """
    wanted = documents(_readme(folder))
    wrong = [name for name, text in wanted.items() if _read(folder / name) != text]
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix != ".md" or path.parent != folder)
    }
    return sorted([*wrong, *(present - set(wanted))])


def write(folder: Path) -> None:
    """Bring `folder` up to date; a file that no type stands behind any more goes."""
    for name, text in documents(_readme(folder)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for left_over in stale(folder):
        (folder / left_over).unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when `--check` finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m coinslot.wire.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; name the files that are stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the documents are (%(default)s)")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.folder)
        return 0
    names = stale(options.folder)
    for name in names:
        print(f"stale: {options.folder / name}", file=sys.stderr)
    if names:
        print("run python -m coinslot.wire.generate", file=sys.stderr)
    return 1 if names else 0


def _with_tables(readme: str) -> str:
    before, begun, rest = readme.partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    if not begun or not ended:
        raise SystemExit(f"README.md must hold the lines {_BEGIN.strip()} and {_END.strip()}")
    return f"{before}{_BEGIN}\n{tables.tables()}\n{_END}{after}"


def _readme(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _text(document: dict[str, Json]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
