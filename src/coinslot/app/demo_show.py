"""Where the demo's picture goes while it runs."""

from __future__ import annotations

from typing import Protocol

from rich.live import Live

from coinslot.app.demo_picture import Place, picture
from coinslot.app.demo_view import View


class Show(Protocol):
    """Where views go."""

    def show(self, view: View) -> None:
        """Show this one."""


class LiveShow:
    """The picture, over the whole terminal."""

    def __init__(self, live: Live, place: Place) -> None:
        self._live = live
        self._place = place

    def show(self, view: View) -> None:
        """Draw it at the terminal's present size."""
        size = self._live.console.size
        self._live.update(picture(view, self._place, size.width, size.height), refresh=True)
