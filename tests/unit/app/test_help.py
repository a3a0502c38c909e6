"""Every command explains itself: `--help` ends well and shows an example."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from coinslot.app.cli import COMMANDS, command


def walk(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and group, the outermost first."""
    yield path
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            inner = group.get_command(context, name)
            assert inner is not None, (*path, name)
            yield from walk(inner, (*path, name))


EVERY = list(walk(command))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: " ".join(path) or "coinslot")
def test_help_says_what_it_does_and_shows_an_example(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command, [*path, "--help"], prog_name="coinslot")
    assert result.exit_code == 0, result.output
    about, _, after = result.stdout.partition("Options:")
    assert about.count("\n\n") >= 1, "no sentence about what it does"
    example = after.partition("Example")[2]
    assert " ".join(("coinslot", *path)) in " ".join(example.split()), "no example of this very command"


def test_the_walk_comes_through_all_of_it() -> None:
    assert {path[0] for path in EVERY if path} == set(COMMANDS)
    assert ("operator", "session", "start") in EVERY
