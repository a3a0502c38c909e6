"""Who pays inside WeChat: a step to WeChat and back that nobody sees, and the payer's id, sealed in their own browser.

The id is kept nowhere else: it goes from the cookie to the provider with each order, and is of no use in another
browser. The step itself is bound to the browser that began it, and serves once.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from typing import Final, TypeVar

from litestar import get
from litestar.datastructures import Cookie
from litestar.response import Response
from msgspec import Struct

from coinslot.keyring import Purpose
from coinslot.payments.model import Merchant
from coinslot.payments.port import ProviderError
from coinslot.settlement.payments.rows import find_merchant
from coinslot.web.customer.limits import count_form, count_view
from coinslot.web.customer.ways import WECHAT, KnowsPayers, payable, payer_asker
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf, unknown_page
from coinslot.web.pages.sealed import seal, unseal
from coinslot.wire.ids import OperatorId

log = logging.getLogger(__name__)

COOKIE: Final = "cs_payer"
STEP_COOKIE: Final = "cs_payer_step"
LIFE_S: Final = 24 * 3600
STEP_LIFE_S: Final = 600
TRIED: Final = "payer=no"
"""Added to the way back when the id could not be had, so that nobody is sent round in circles."""
_MOST_CHARACTERS: Final = 1000
_code = re.compile(r"[A-Za-z0-9_-]{1,128}")
_back = re.compile(r"/(?:topup|pay/[A-Za-z0-9_-]{1,40})(?:\?[A-Za-z0-9_.=&%/-]{0,200})?")
# Each serves once, in all processes; what is older than the step's life is refused by its own date.
_USE: Final = """
    WITH old AS (DELETE FROM payer_step_used WHERE operator_id = $1 AND used_at < now() - interval '1 hour')
    INSERT INTO payer_step_used (operator_id, step_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true
"""


class _Sealed(Struct, frozen=True, kw_only=True):
    operator: OperatorId
    merchant: str
    until_s: int
    """Seconds of Unix time."""


class _Payer(_Sealed, frozen=True, kw_only=True):
    openid: str

    def __repr__(self) -> str:
        return "_Payer(…)"


class _Step(_Sealed, frozen=True, kw_only=True):
    state: str
    back: str


T = TypeVar("T", bound=_Sealed)


def payer_of(page: Page, merchant: Merchant) -> str:
    """The visitor's id with this merchant's app; empty when it is not known in this browser."""
    kept = _opened(page, COOKIE, _Payer)
    known = kept is not None and (kept.operator, kept.merchant) == (
        merchant.operator_id,
        merchant.merchant_id,
    )
    return kept.openid if kept is not None and known else ""


def payer_step(operator: OperatorId, back: str) -> str:
    """Where a page sends a browser whose payer is not known, to come `back` afterwards."""
    return (
        f"/payer?operator={operator}&back={back.replace('?', '%3F').replace('&', '%26').replace('=', '%3D')}"
    )


@get("/payer")
async def begin_step(page: PageOf) -> Response[bytes]:
    """To WeChat, which knows its user, and back."""
    count_view(page)
    asked = page.request.query_params
    back, operator = asked.get("back", ""), OperatorId(asked.get("operator", ""))
    if _back.fullmatch(back) is None or page.customer_of(operator) is None:
        return unknown_page(page)
    door = page.services.payments
    found = next((one for one in await payable(page, operator) if one.provider == WECHAT), None)
    asker = None if door is None or found is None else payer_asker(door, found)
    if found is None or asker is None:
        return page.go(_tried(back))
    step = _Step(
        operator=operator,
        merchant=found.merchant_id,
        state=secrets.token_hex(16),
        back=back,
        until_s=int(time.time()) + STEP_LIFE_S,
    )
    answer = page.go(back)
    answer.status_code = 302
    answer.headers["Location"] = asker.authorize_url(f"{page.base_url}/payer/back", step.state)
    return _keep(page, answer, STEP_COOKIE, step, STEP_LIFE_S)


@get("/payer/back")
async def end_step(page: PageOf) -> Response[bytes]:
    """From WeChat, with a code that tells who it is. Phones load this twice at times: the second finds it done."""
    count_form(page)
    asked = page.request.query_params
    code, state = asked.get("code", ""), asked.get("state", "")
    step = _opened(page, STEP_COOKIE, _Step)
    if step is None or not secrets.compare_digest(step.state.encode(), state.encode()):
        return _again(page)
    merchant = await find_merchant(page.services.pool, step.operator, step.merchant)
    door = page.services.payments
    asker = None if door is None or merchant is None else payer_asker(door, merchant)
    openid = ""
    if merchant is not None and asker is not None and _code.fullmatch(code) and await _use(page, step):
        openid = await _openid(asker, code)
    if not openid:
        return _drop(page, page.go(_tried(step.back)))
    payer = _Payer(
        operator=step.operator, merchant=step.merchant, openid=openid, until_s=int(time.time()) + LIFE_S
    )
    return _drop(page, _keep(page, page.go(step.back), COOKIE, payer, LIFE_S))


def _again(page: Page) -> Response[bytes]:
    """No step of this browser's: whatever it is, nothing is taken from it."""
    return page.go("/topup" if _opened(page, COOKIE, _Payer) is not None else f"/topup?{TRIED}")


async def _use(page: Page, step: _Step) -> bool:
    digest = hashlib.sha256(step.state.encode()).digest()
    return await page.services.pool.fetchval(_USE, step.operator, digest) is True


async def _openid(asker: KnowsPayers, code: str) -> str:
    try:
        return await asker.openid_of(code)
    except ProviderError as error:
        log.warning("who pays inside WeChat could not be learnt: %s", error.code)
        return ""


def _tried(back: str) -> str:
    return f"{back}{'&' if '?' in back else '?'}{TRIED}"


def _keep(page: Page, answer: Response[bytes], name: str, value: _Sealed, life_s: int) -> Response[bytes]:
    sealed = seal(page.services.keyring, Purpose.PAYER, value, _bound(page, name))
    return _set(page, answer, name, sealed, life_s)


def _drop(page: Page, answer: Response[bytes]) -> Response[bytes]:
    return _set(page, answer, STEP_COOKIE, "", 0)


def _opened(page: Page, name: str, kind: type[T]) -> T | None:
    found = unseal(
        page.services.keyring,
        Purpose.PAYER,
        page.request.cookies.get(name, ""),
        kind,
        _bound(page, name),
        most_characters=_MOST_CHARACTERS,
    )
    return found if found is not None and time.time() < found.until_s else None


def _bound(page: Page, name: str) -> bytes:
    # To this browser, and to what it is: a cookie that somebody planted opens nowhere else, nor as another one.
    return f"coinslot {name} 1 {page.token}".encode()


def _set(page: Page, answer: Response[bytes], name: str, value: str, max_age_s: int) -> Response[bytes]:
    answer.set_cookie(
        Cookie(
            key=name,
            value=value,
            max_age=max_age_s,
            path="/",
            secure=page.base_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
    )
    return answer
