"""The step that tells a page inside the provider's app who its user is: a redirect, then one call."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import SILENCE, Reply, Request, Route, html_reply
from coinslot.sandbox.providers.phone import page
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.account import WechatAccount

_CODE_LIVES: Final = timedelta(minutes=5)
_SCOPES: Final = ("snsapi_base", "snsapi_userinfo")


@dataclass
class _Code:
    openid: str
    until: datetime
    used: bool = False


class OpenIds:
    """`/connect/oauth2/authorize` and `/sns/oauth2/access_token`, and who has used them."""

    def __init__(self, account: WechatAccount, clock: SandboxClock, switches: Switches) -> None:
        self._account = account
        self._clock = clock
        self._switches = switches
        self._codes: dict[str, _Code] = {}
        self._known = {_openid()}
        self.default = next(iter(self._known))
        """The user whose phone this is."""

    def is_known(self, openid: str) -> bool:
        """Whether a user of the merchant's app has it."""
        return openid in self._known

    def new_user(self) -> str:
        """One more; from now on it is this one's phone."""
        self.default = _openid()
        self._known.add(self.default)
        return self.default

    def routes(self) -> tuple[Route, ...]:
        """What is answered."""
        return (
            Route("GET", "/connect/oauth2/authorize", self._authorize),
            Route("GET", "/sns/oauth2/access_token", self._access_token),
        )

    async def _authorize(self, request: Request) -> Reply:
        asked = request.query
        target = urlsplit(asked.get("redirect_uri", ""))
        if (
            asked.get("appid") != self._account.appid
            or asked.get("response_type") != "code"
            or asked.get("scope") not in _SCOPES
            or target.scheme not in ("http", "https")
            or not target.netloc
        ):
            return html_reply(page("Not authorized", "<p>The link's parameters are wrong.</p>"), 400)
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(self.default, self._clock.now() + _CODE_LIVES)
        added = urlencode({"code": code, "state": asked.get("state", "")})
        query = f"{target.query}&{added}" if target.query else added
        return Reply(302, headers={"location": target._replace(query=query).geturl()})

    async def _access_token(self, request: Request) -> Reply:
        if self._switches.take(Failure.SILENT_BEFORE, "openid"):
            return SILENCE
        if self._switches.take(Failure.SERVER_ERROR, "openid"):
            return _plain({"errcode": -1, "errmsg": "system error"})
        if self._switches.take(Failure.RATE_LIMIT, "openid"):
            return _plain({"errcode": 45011, "errmsg": "api minute-quota reach limit"})
        return _plain(self._token(request))

    def _token(self, request: Request) -> dict[str, object]:
        asked = request.query
        if asked.get("appid") != self._account.appid:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if asked.get("secret") != self._account.app_secret:
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        if asked.get("grant_type") != "authorization_code":
            return {"errcode": 40002, "errmsg": "invalid grant_type"}
        code = self._codes.get(asked.get("code", ""))
        if code is None or self._clock.now() > code.until:
            return {"errcode": 40029, "errmsg": "invalid code"}
        if code.used:
            return {"errcode": 40163, "errmsg": "code been used"}
        code.used = True
        return {
            "access_token": secrets.token_urlsafe(48),
            "expires_in": 7200,
            "refresh_token": secrets.token_urlsafe(48),
            "openid": code.openid,
            "scope": "snsapi_base",
        }


def _plain(content: dict[str, object]) -> Reply:
    # JSON that says it is text, as the real one's.
    return Reply(200, msgspec.json.encode(content), "text/plain")


def _openid() -> str:
    return f"o{secrets.token_urlsafe(20)}"[:28]
