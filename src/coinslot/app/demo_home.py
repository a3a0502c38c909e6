"""The demo's own folder: made, recognised, found by other commands while it runs, and removed on request."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from coinslot.app.errors import Problem
from coinslot.app.installation import attached_installation
from coinslot.app.settings import MqttTls, Settings
from coinslot.engines.folder import EngineFolder
from coinslot.engines.identity import engine_identity
from coinslot.engines.sockets import socket_folder

MARK: Final = "demo-of-coinslot"
"""A file that only our own folder holds: nothing without it is ever removed."""
_MARK_TEXT = (
    "Made by `coinslot demo`: invented people and money. `coinslot demo --clean` removes this folder.\n"
)
_MOST_LOG_BYTES = 5_000_000
_ENGINES = ("postgres", "nats")


def demo_settings(settings: Settings) -> Settings:
    """The demo's settings: its own folder and engines, whatever database or broker the installation names."""
    folder = settings.data_dir / "demo"
    return Settings(
        data_dir=folder,
        demo=True,
        mqtt_tls=MqttTls.OWN,
        merchants_file=merchants_file(folder),
    )


def merchants_file(folder: Path) -> Path:
    """Its merchants, beside the folders of their keys; made at the first start."""
    return folder / "payments" / "merchants.toml"


def looked_at(settings: Settings) -> Settings:
    """The settings for whoever only looks: those in force, or the running demo's where nothing else is here."""
    if settings.database_url is not None or settings.nats_url is not None or settings.demo:
        return settings
    if is_demo(settings.data_dir) and settings.merchants_file is None:
        # Whoever names the demo's own folder means the demo, its merchants too.
        return replace(settings, merchants_file=merchants_file(settings.data_dir), demo=True)
    demo = demo_settings(settings)
    if has_installation(settings.data_dir) or not is_demo(demo.data_dir):
        return settings
    if attached_installation(demo) is not None:
        return replace(demo, log_level=settings.log_level)
    if EngineFolder(demo.data_dir / "postgres").held_by_another():
        raise Problem("the demo is just starting", "Try again when it shows its picture.")
    return settings


def has_installation(data_dir: Path) -> bool:
    """Whether engines were ever started in this folder itself; then commands mean them, not a demo beside."""
    return any((data_dir / engine).exists() for engine in _ENGINES)


def calling(program: str, demo_folder: Path, usual: Path) -> str:
    """How a command has to be written so that it looks at this demo, where commands look in `usual` by themselves."""
    if demo_folder.parent == usual and not has_installation(usual):
        return program
    return f"COINSLOT_DATA_DIR={shlex.quote(str(demo_folder))} {program}"


def is_demo(folder: Path) -> bool:
    """Whether this folder is a demo's."""
    return (folder / MARK).is_file()


def prepare(folder: Path) -> None:
    """Make the demo's folder, or recognise it. Problem when it is somebody else's or cannot be made."""
    if folder.exists() and not is_demo(folder) and any(folder.iterdir()):
        raise Problem(
            f"{folder} exists and was not made by the demo",
            "Move it away, or name another data folder with COINSLOT_DATA_DIR.",
        )
    # Root's engines run as somebody else, who must be able to pass through.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        for each in (folder.parent, folder):
            if not each.exists():
                each.mkdir(parents=True)
                each.chmod(mode)
        (folder / MARK).write_text(_MARK_TEXT, encoding="utf-8")
    except OSError as error:
        raise Problem(
            f"{folder} cannot be made: {error.strerror}",
            "Name a data folder that you may write to with COINSLOT_DATA_DIR.",
        ) from error


def log_file(folder: Path) -> Path:
    """Where the demo's log goes; one that has grown large is set aside first."""
    path = folder / "demo.log"
    if path.exists() and path.stat().st_size > _MOST_LOG_BYTES:
        path.replace(path.with_suffix(".log.old"))
    return path


def clean(folder: Path) -> bool:
    """Remove the demo's folder; False when there is none. Problem while a demo runs in it."""
    if not folder.exists():
        return False
    if not is_demo(folder):
        raise Problem(f"{folder} was not made by the demo", "Nothing was removed; look at it yourself.")
    for name in _ENGINES:
        engine = EngineFolder(folder / name)
        if engine.held_by_another():
            raise Problem(
                f"a demo runs in {folder} (process {engine.read('lock') or 'unknown'})",
                "End it with Ctrl-C first; nothing was removed.",
            )
    _remove_socket(folder / "postgres")
    # Renamed first: of two that clean at once, one finds nothing, and no start meets half a folder.
    leaving = folder.with_name(f"{folder.name}.removed-{os.getpid()}")
    try:
        folder.rename(leaving)
    except FileNotFoundError:
        return False
    shutil.rmtree(leaving)
    return True


def _remove_socket(folder: Path) -> None:
    """A long path has its socket's folder elsewhere: that belongs to the demo too."""
    cluster = folder / "cluster"
    if cluster.exists():
        shutil.rmtree(socket_folder(EngineFolder(folder), engine_identity(cluster)))
