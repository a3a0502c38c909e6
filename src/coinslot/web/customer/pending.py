"""A login that is under way: which code was sent to which number, sealed in a cookie of the browser that asked.

The number is in no address and no page's source, and the page with the code field is there again when the browser
was thrown out of memory while its owner read the message, or the sticker was scanned once more.
"""

from __future__ import annotations

from typing import Final

from litestar.datastructures import Cookie
from litestar.response import Response
from msgspec import Struct

from coinslot.keyring import Purpose
from coinslot.web.pages.page import Page
from coinslot.web.pages.sealed import seal, unseal
from coinslot.wire.ids import OperatorId

COOKIE: Final = "cs_step"
LIFE_S: Final = 600
"""As long as a proof is good; a code is good for less, and says so itself."""
_PATH: Final = "/m/"
_MAX_CHARACTERS: Final = 1000


class Pending(Struct, frozen=True, kw_only=True):
    """Between asking for a code and being logged in. It is never shown by its content."""

    operator: OperatorId
    phone: str
    """E.164."""
    login_code_id: str
    again_s: int
    """When another code may be asked for, seconds of Unix time."""
    proof: str = ""
    """The code was right, and more has to be shown: see `people.logins.StillYours`."""

    def __repr__(self) -> str:
        return "Pending(…)"


def find_pending(page: Page, operator: OperatorId) -> Pending | None:
    """The login under way at this operator in this browser."""
    return unseal(
        page.services.keyring,
        Purpose.PENDING_LOGIN,
        page.request.cookies.get(COOKIE, ""),
        Pending,
        _bound(page, operator),
        most_characters=_MAX_CHARACTERS,
    )


def keep_pending(page: Page, answer: Response[bytes], pending: Pending) -> Response[bytes]:
    """`answer`, with which the browser takes the login under way along."""
    bound = _bound(page, pending.operator)
    return _set(page, answer, seal(page.services.keyring, Purpose.PENDING_LOGIN, pending, bound), LIFE_S)


def drop_pending(page: Page, answer: Response[bytes]) -> Response[bytes]:
    """`answer`, with which the browser forgets the login under way."""
    if COOKIE not in page.request.cookies:
        return answer
    return _set(page, answer, "", 0)


def _set(page: Page, answer: Response[bytes], value: str, max_age_s: int) -> Response[bytes]:
    answer.set_cookie(
        Cookie(
            key=COOKIE,
            value=value,
            max_age=max_age_s,
            path=_PATH,
            secure=page.base_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
    )
    return answer


def _bound(page: Page, operator: OperatorId) -> bytes:
    # To this browser and operator: a cookie that somebody planted opens nowhere else.
    return f"coinslot pending 1 {operator} {page.token}".encode()
