"""Who the user of a page inside WeChat is: a redirect that nobody sees, then one call."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import Struct

from coinslot.payments.port import ProviderError, Rejected, RetrySameKey, Unknown
from coinslot.providers.wechat.settings import WechatKeys

_MOST_BYTES: Final = 64 * 1024
_BUSY: Final = frozenset({-1, 45009, 45011})
_AGAIN: Final = "the code has been used or is too old: send the payer through `authorize_url` again"
_REASONS: Final = {
    40029: _AGAIN,
    40163: _AGAIN,
    42003: _AGAIN,
    40013: "`appid` is not known",
    40125: "`app_secret` is not the app's",
    40164: "this server's address is not on the app's list of addresses",
}


class _Answer(Struct, frozen=True):
    openid: str = ""
    errcode: int = 0


def authorize_url(keys: WechatKeys, redirect: str, state: str) -> str:
    """Where to send the phone's browser; it comes back to `redirect` with `code` and `state`. Nobody is asked
    anything: only the openid is wanted. The host of `redirect` has to be set with the app."""
    query = urlencode(
        {
            "appid": keys.appid,
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        },
        quote_via=quote,
    )
    return f"{keys.open_host}/connect/oauth2/authorize?{query}#wechat_redirect"


async def openid_of(keys: WechatKeys, code: str, trust: ssl.SSLContext | bool, within_s: float) -> str:
    """The openid for a code, which serves once, for five minutes. Rejected when a new code is needed."""
    query = urlencode(
        {
            "appid": keys.appid,
            "secret": keys.app_secret,
            "code": code,
            "grant_type": "authorization_code",
        }
    )
    url = httpx.URL(keys.api_host).copy_with(raw_path=f"/sns/oauth2/access_token?{query}".encode())
    request = httpx.Request("GET", url)
    request.extensions["timeout"] = httpx.Timeout(within_s).as_dict()
    try:
        # The transport and not a client: a client logs each URL, and this one holds the secret.
        async with asyncio.timeout(within_s), httpx.AsyncHTTPTransport(verify=trust) as transport:
            response = await transport.handle_async_request(request)
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise Unknown("TOO_LONG", "the answer is longer than any that WeChat gives")
            await response.aclose()
    # Without their causes, which hold the request.
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise RetrySameKey("UNREACHABLE", "WeChat cannot be reached: nothing was sent") from None
    except (TimeoutError, httpx.TimeoutException):
        raise Unknown("TIMEOUT", "WeChat did not answer in time") from None
    except (httpx.TransportError, httpx.DecodingError, OSError) as error:
        raise Unknown("CUT", f"the connection broke ({type(error).__name__})") from None
    return _judged(response.status_code, body)


def _judged(status: int, body: bytes) -> str:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = _Answer()
    if status == 200 and answer.errcode == 0 and answer.openid:
        return answer.openid
    raise _error(status, answer.errcode)


def _error(status: int, code: int) -> ProviderError:
    if code in _BUSY or status == 429:
        return RetrySameKey(str(code), "WeChat is busy")
    if status != 200 or code == 0:
        return Unknown(f"HTTP {status}", "an answer that is not documented")
    return Rejected(str(code), _REASONS.get(code, "WeChat refuses it"))
