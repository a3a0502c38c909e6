"""Archives that would write elsewhere, too much, or something that is no file."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from coinslot.terminal.updating import unpacking
from coinslot.terminal.updating.fetching import Later, Refused
from coinslot.terminal.updating.unpacking import unpack
from tests.support.releases import archive, small


def plenty() -> int:
    return 2**40


def put(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.part"
    path.write_bytes(data)
    return path


def test_a_good_archive_becomes_a_slot(tmp_path: Path) -> None:
    slot = tmp_path / "releases" / "7"
    unpack(put(tmp_path, archive(mark="new")), slot, plenty)
    assert (slot / "coinslot/__init__.py").read_text() == "mark = 'new'\n"
    assert stat.S_IMODE((slot / "coinslot/__init__.py").stat().st_mode) == 0o600
    assert list(slot.parent.iterdir()) == [slot]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "coinslot/../../evil",
        "C:evil",
        "a\\..\\evil",
        "./evil",
        "a//evil",
        "x" * 241,
        "a\nb",
    ],
)
def test_no_name_leads_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="elsewhere"):
        unpack(put(tmp_path, archive({**small(), name: b"x"})), tmp_path / "releases" / "7", plenty)
    assert not (tmp_path / "evil").exists()
    assert list((tmp_path / "releases").iterdir()) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_nothing_but_plain_files(tmp_path: Path, kind: int) -> None:
    held = io.BytesIO(archive())
    with zipfile.ZipFile(held, "a") as packed:
        member = zipfile.ZipInfo("coinslot/link")
        member.external_attr = (kind | 0o777) << 16
        packed.writestr(member, b"/etc/passwd")
    with pytest.raises(Refused, match="plain"):
        unpack(put(tmp_path, held.getvalue()), tmp_path / "releases" / "7", plenty)


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = put(tmp_path, archive({**small(), "big": bytes(200_000)}))
    monkeypatch.setattr(unpacking, "MOST_BYTES", 100_000)
    with pytest.raises(Refused, match="large"):
        unpack(data, tmp_path / "releases" / "7", plenty)
    monkeypatch.setattr(unpacking, "MOST_BYTES", 300_000)
    monkeypatch.setattr(unpacking, "MOST_FILES", 3)
    with pytest.raises(Refused, match="files"):
        unpack(data, tmp_path / "releases" / "7", plenty)
    monkeypatch.setattr(unpacking, "MOST_FILES", 30)
    with pytest.raises(Later, match="room"):
        unpack(data, tmp_path / "releases" / "7", lambda: 100)


def test_damage(tmp_path: Path) -> None:
    good = archive()
    for bad in (
        b"no archive",
        good[:-30],
        good.replace(b"PK\x03\x04", b"PK\x03\x05", 1),
        archive({"a": b""}),
    ):
        with pytest.raises(Refused):
            unpack(put(tmp_path, bad), tmp_path / "releases" / "7", plenty)
    with (
        zipfile.ZipFile(twice := io.BytesIO(good), "a") as packed,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        packed.writestr("coinslot/__init__.py", b"other")
    with pytest.raises(Refused, match="twice"):
        unpack(put(tmp_path, twice.getvalue()), tmp_path / "releases" / "7", plenty)
