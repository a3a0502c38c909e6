"""Which browser is a kiosk, and who stands before it: both in cookies that only this server can make or read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from litestar.datastructures import Cookie
from litestar.response import Response
from msgspec import Struct

from coinslot.fleet.front_desks import Browser, DeskHere, find_desk_here
from coinslot.keyring import Purpose
from coinslot.web.pages import languages
from coinslot.web.pages.page import Page
from coinslot.web.pages.sealed import seal, unseal
from coinslot.web.services import Services
from coinslot.wire.ids import CustomerId

KNOWN_S: Final = 60
"""Somebody who touches nothing for so long has left."""
_KIOSK_S: Final = 400 * 24 * 3600
"""Browsers keep no cookie longer; each look at the page begins it anew."""
_WHO: Final = "cs_kiosk_who"
_PATH: Final = "/kiosk"
_LENGTHS: Final = range(16, 101)
_MAX_CHARACTERS: Final = 400


class _Known(Struct, frozen=True):
    customer: CustomerId
    until_s: int
    """Unix time."""


async def kiosk_here(page: Page) -> DeskHere | None:
    """The kiosk that this browser is; None for every other."""
    token = token_of(page)
    return await find_desk_here(page.services.pool, token, Browser.KIOSK) if token else None


def token_of(page: Page) -> str:
    """The browser's secret as a kiosk; empty where it has none."""
    token = page.request.cookies.get(_name(page.services), "")
    return token if len(token) in _LENGTHS and token.isascii() else ""


def keep_kiosk(page: Page, answer: Response[bytes], token: str) -> Response[bytes]:
    """`answer`, with which the browser goes on being a kiosk."""
    # The root, since a name that begins with __Host- asks for it.
    return _set(page, answer, _name(page.services), token, _KIOSK_S, "/")


def who(page: Page, kiosk: DeskHere) -> CustomerId | None:
    """Who has logged in here and is not gone yet."""
    known = unseal(
        page.services.keyring,
        Purpose.PENDING_LOGIN,
        page.request.cookies.get(_WHO, ""),
        _Known,
        _bound(page, kiosk),
        most_characters=_MAX_CHARACTERS,
    )
    return known.customer if known is not None and known.until_s > datetime.now(UTC).timestamp() else None


def know(page: Page, kiosk: DeskHere, answer: Response[bytes], customer: CustomerId) -> Response[bytes]:
    """`answer`, after which the browser knows who stands before it, for another minute."""
    known = _Known(customer, int(datetime.now(UTC).timestamp()) + KNOWN_S)
    sealed = seal(page.services.keyring, Purpose.PENDING_LOGIN, known, _bound(page, kiosk))
    return _set(page, answer, _WHO, sealed, KNOWN_S, _PATH)


def forget(page: Page, answer: Response[bytes]) -> Response[bytes]:
    """`answer`, after which the browser knows nobody."""
    return _set(page, answer, _WHO, "", 0, _PATH)


def forget_language(page: Page, answer: Response[bytes]) -> Response[bytes]:
    """`answer`, after which the next person is spoken to as everybody is."""
    answer.set_cookie(Cookie(key=languages.COOKIE, value="", max_age=0, path="/"))
    return answer


def _bound(page: Page, kiosk: DeskHere) -> bytes:
    # To this browser and kiosk, so that it opens nowhere else.
    return f"coinslot kiosk 1 {kiosk.desk_id} {page.token}".encode()


def _name(services: Services) -> str:
    """With TLS a name that no subdomain and no plain connection can set."""
    return "__Host-cs_kiosk" if services.public_url.startswith("https:") else "cs_kiosk"


def _set(
    page: Page, answer: Response[bytes], key: str, value: str, max_age_s: int, path: str
) -> Response[bytes]:
    answer.set_cookie(
        Cookie(
            key=key,
            value=value,
            max_age=max_age_s,
            path=path,
            secure=page.base_url.startswith("https:"),
            httponly=True,
            samesite="strict",
        )
    )
    return answer
