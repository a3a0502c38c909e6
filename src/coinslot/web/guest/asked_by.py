"""Which browser a guest uses: the code on the appliance may have been seen by whoever came next."""

from __future__ import annotations

from coinslot.keyring import Purpose
from coinslot.web.pages.page import Page


def asked_by(page: Page) -> bytes:
    """A hash of this browser's token, which says nothing to whoever reads it."""
    return page.services.keyring.mac(Purpose.FAPIAO, "browser", page.token)
