"""The table of settings in docs/operating.md, written from the settings themselves.

`python -m coinslot.app.settings_table docs/operating.md` writes it, `--check` says whether it is old.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from coinslot.app import settings

_BEGIN: Final = "<!-- settings -->\n"
_END: Final = "<!-- /settings -->\n"


class Row(NamedTuple):
    """One setting."""

    key: str
    default: str
    meaning: str


def rows() -> Iterator[Row]:
    """Every setting with its default and its docstring. ValueError names one that has none."""
    body = ast.parse(inspect.getsource(settings.Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    for node, after in itertools.pairwise((*body.body, ast.Pass())):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            raise ValueError(f"the setting {node.target.id} has no docstring")
        yield Row(node.target.id, _default(node.value), " ".join(str(after.value.value).split()))


def _default(value: ast.expr | None) -> str:
    match value:
        case None | ast.Constant(value=None):
            return "–"
        case ast.Attribute(attr=name):
            return name.lower()
        case ast.Tuple():
            return "none"
        case _:
            return ast.unparse(value).strip("'\"")


def table() -> str:
    """The table as Markdown."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for row in rows():
        name = f"`{settings.PREFIX}{row.key.upper()}`"
        lines.append(f"| {name} | {row.default} | {row.meaning.replace('|', '/')} |")
    return "\n".join(lines) + "\n"


def in_page(page: str) -> str:
    """The page with its table as it should be. ValueError where it has no place for one."""
    before, rest = page.split(_BEGIN, 1)
    return before + _BEGIN + table() + _END + rest.split(_END, 1)[1]


def main(arguments: list[str]) -> int:
    """Write the table into the pages named, or only compare."""
    old = 0
    for path in (Path(argument) for argument in arguments if argument != "--check"):
        page = path.read_text(encoding="utf-8")
        new = in_page(page)
        if "--check" not in arguments:
            path.write_text(new, encoding="utf-8")
        elif new != page:
            print(f"{path}: the table of settings is old; run: make documents")
            old += 1
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
