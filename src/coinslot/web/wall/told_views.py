"""What the hotel's own system was told, in the words of one language."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.web.pages import figures
from coinslot.web.pages.languages import Words, marked
from coinslot.web.wall.rooms import RoomsPort, ToldShown
from coinslot.web.wall.showing import clock
from coinslot.webhooks.model import EventKind

_WORDS: Final = {
    EventKind.PAYMENT_RECEIVED.value: marked("Money arrived"),
    EventKind.SESSION_SETTLED.value: marked("A use is over"),
    EventKind.REFUND_DONE.value: marked("Money went back"),
    EventKind.TEST.value: marked("A test"),
}


class ToldView(Struct, frozen=True, kw_only=True):
    """A message in one line."""

    n: int
    at: str
    right: bool
    mark: str
    """A sign and words: whether it is believed."""
    word: str
    kind: str
    """As the message itself calls it."""
    what: str


def told(wall: RoomsPort, words: Words, after: int = 0) -> tuple[ToldView, ...]:
    """The messages that came after this number, the newest last."""
    return tuple(_view(one, words) for one in wall.told() if one.number > after)


def _view(one: ToldShown, words: Words) -> ToldView:
    parts = []
    if one.room:
        parts.append(words.gettext(marked("Room %(room)s")) % {"room": one.room})
    if one.amount_minor is not None:
        parts.append(figures.money(one.amount_minor, one.currency))
    if one.again:
        parts.append(words.gettext(marked("sent again")))
    return ToldView(
        n=one.number,
        at=clock(one.at_ms),
        right=one.right,
        mark=words.gettext(marked("✓ signed") if one.right else marked("✗ not believed")),
        word=words.gettext(_WORDS[one.kind]) if one.kind in _WORDS else "",
        kind=one.kind,
        what=" · ".join(parts),
    )
