"""Which folder is the demo's, and when another command looks at it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from coinslot.app.demo_home import MARK, calling, clean, demo_settings, looked_at, prepare
from coinslot.app.errors import Problem
from coinslot.app.settings import Settings


def test_the_demo_never_uses_the_installations_engines(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://books", nats_url="nats://broker")
    demo = demo_settings(settings)
    assert demo.data_dir == tmp_path / "demo"
    assert demo.demo
    assert demo.database_url is None
    assert demo.nats_url is None


def test_an_installation_is_looked_at_whatever_demo_there_is(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    (tmp_path / "postgres").mkdir()
    for settings in (
        Settings(data_dir=tmp_path),
        Settings(data_dir=tmp_path, database_url="postgresql://books"),
    ):
        assert looked_at(settings) is settings


def test_commands_find_the_demo_alone_in_the_usual_folder_and_are_told_elsewhere(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    named = f"COINSLOT_DATA_DIR={demo} coinslot"
    assert calling("coinslot", demo, tmp_path) == "coinslot"
    assert calling("coinslot", demo, tmp_path / "usual") == named
    (tmp_path / "postgres").mkdir()
    assert calling("coinslot", demo, tmp_path) == named


def test_a_folder_with_a_space_is_one_word_for_the_shell(tmp_path: Path) -> None:
    demo = tmp_path / "my home" / "demo"
    (demo.parent / "postgres").mkdir(parents=True)
    assert shlex.split(calling("coinslot", demo, demo.parent)) == [f"COINSLOT_DATA_DIR={demo}", "coinslot"]


def test_a_demo_that_does_not_run_is_not_looked_at(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    settings = Settings(data_dir=tmp_path)
    assert looked_at(settings) is settings


def test_somebody_elses_folder_is_neither_used_nor_removed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "thesis").touch()
    for action in (prepare, clean):
        with pytest.raises(Problem, match="not made by the demo"):
            action(folder)
    assert (folder / "thesis").exists()


def test_its_own_folder_is_removed_whole_and_a_link_in_it_is_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "demo", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    prepare(folder)
    assert (folder / MARK).is_file()
    (folder / "link").symlink_to(outside)
    assert clean(folder)
    assert not folder.exists()
    assert (outside / "kept").exists()
    assert not clean(folder)
