"""The phones of the demo's customers: what would be sent to them is kept here, for the wall to show."""

from __future__ import annotations

import time
from collections import deque

from coinslot.people.notices import BillNotice, LoginCodeNotice, Notice, NotSent, Recipient
from coinslot.people.rules import masked_phone
from coinslot.providers.texts import text_of
from coinslot.web.wall.port import TextShown

_KEPT = 50


class DemoPhones:
    """A `people.notices.Notifier` that sends nothing anywhere."""

    def __init__(self) -> None:
        self._texts: deque[TextShown] = deque(maxlen=_KEPT)
        self._number = 0
        self.codes = 0
        """Login codes so far."""

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `people.notices.Notifier`."""
        if to.phone is None:
            raise NotSent("the customer has no phone number", again=False)
        self._number += 1
        code, path = "", ""
        match notice:
            case LoginCodeNotice():
                self.codes += 1
                code = notice.code
            case BillNotice():
                path = f"/s/{notice.session}/bill"
        self._texts.append(
            TextShown(
                number=self._number,
                at_ms=time.time_ns() // 1_000_000,
                to=masked_phone(to.phone),
                text=text_of(notice, to.language),
                code=code,
                path=path,
            )
        )
        return f"demo {self._number}"

    def texts(self) -> tuple[TextShown, ...]:
        """The latest, the newest last."""
        return tuple(self._texts)
