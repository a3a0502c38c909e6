"""One request for a page: who asks, in which language, and how it is answered."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import quote

from litestar import Request
from litestar.datastructures import Cookie, State
from litestar.response import Response

from coinslot.people.login_rules import LOGIN_LIFE, TOUCH_EVERY
from coinslot.people.logins import Login, find_logins
from coinslot.web.pages import forms, languages, rendering
from coinslot.web.pages.languages import Language, marked
from coinslot.web.problems import Problem
from coinslot.web.services import Services
from coinslot.wire.ids import CustomerId, OperatorId

AnyRequest: TypeAlias = Request[object, object, State]

_YEAR_S: Final = 365 * 24 * 3600
_BROWSER_S: Final = LOGIN_LIFE // timedelta(seconds=1)
_TOKEN_LENGTH: Final = (16, 100)


class Page:
    """What a page's route works with."""

    def __init__(self, request: AnyRequest, services: Services, logins: tuple[Login, ...]) -> None:
        self.request = request
        self.services = services
        self.logins = logins
        """Where this browser is logged in, the one used last first."""
        asked = request.query_params.get("lang")
        kept = request.cookies.get(languages.COOKIE)
        self.language: Final = languages.choose(asked, kept, request.headers.get("accept-language", ""))
        self.words: Final = languages.words(self.language)
        kept_token = _token_of(request, services)
        self._token = kept_token or secrets.token_urlsafe(24)
        self._had_token: Final = kept_token is not None
        self._token_is_new = kept_token is None or _used_anew(logins)
        self._language_is_new = asked == self.language.value and kept != asked

    @property
    def token(self) -> str:
        """The browser's secret: logins belong to it, and forms are bound to it."""
        return self._token

    def keep(self, token: str) -> None:
        """Give the browser another token with the answer, after a login."""
        self._token, self._token_is_new = token, True

    def customer_of(self, operator: OperatorId) -> CustomerId | None:
        """Who is logged in here at this operator."""
        return next((one.customer_id for one in self.logins if one.operator_id == operator), None)

    def say(self, text: str, **values: object) -> str:
        """A text in the page's language, `%(name)s` replaced."""
        spoken = self.words.gettext(text)
        return spoken % values if values else spoken

    @property
    def source(self) -> str:
        """The address that asks, for limits; never logged."""
        return self.request.client.host if self.request.client else ""

    @property
    def base_url(self) -> str:
        """How phones reach us: as set, or as this request came."""
        return (
            self.services.public_url or f"{self.request.url.scheme}://{self.request.headers.get('host', '')}"
        )

    async def form(self) -> forms.Form:
        """The form that was sent. Problem 403 when it is not from a page this browser got from us."""
        forms.refuse_foreign(self.request)
        found = await forms.read_form(self.request)
        if not forms.is_sealed(self.services.keyring, self._token, found.text(forms.FIELD)):
            raise Problem(403, "old_form", marked("Please press once more"), self._why_not_sealed())
        return found

    def _why_not_sealed(self) -> str:
        if self._had_token:
            return marked(
                "Nothing was done: the page was from before your last login, or open for too long. Load it again, "
                "then press once more."
            )
        return marked(
            "Nothing was done: your browser did not send this page's cookie. Load the page again; if this comes "
            "back, allow cookies or use another browser."
        )

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        styles: tuple[str, ...] = ("base.css",),
        scripts: tuple[str, ...] = (),
        frames: str = "",
        **values: object,
    ) -> Response[bytes]:
        """A page. Values: what the template needs, beside what base.html has of itself. `frames`: one more origin whose
        pages a demo's page may show in a frame.
        """
        path = self.request.url.path
        html = rendering.render(
            template,
            self.language,
            {
                "page": self,
                "path": path,
                "sealed": forms.seal(self.services.keyring, self._token),
                "demo": self.services.demo,
                **values,
            },
            styles,
            scripts,
        )
        body, encoding = rendering.compress(html.encode(), self.request.headers.get("accept-encoding", ""))
        framed = "'self'" if self.services.demo else "'none'"
        headers = {
            "Content-Security-Policy": rendering.policy(
                styles, scripts, framed, frames if self.services.demo else ""
            ),
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
            "Cross-Origin-Opener-Policy": "same-origin",
            "X-Frame-Options": "SAMEORIGIN" if self.services.demo else "DENY",
            "Vary": "Accept-Encoding, Accept-Language, Cookie",
        }
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        return Response(
            body,
            status_code=status,
            media_type="text/html",
            headers=headers,
            cookies=self._cookies(),
        )

    def go(self, path: str) -> Response[bytes]:
        """See another page of ours next (303)."""
        if not path.startswith("/") or path.startswith(("//", "/\\")):
            raise ValueError(f"not a path of ours: {path[:40]!r}")
        if not (path.isascii() and path.isprintable()):
            # Part of it came with an address: what no header can hold goes back as it came.
            path = quote(path, safe="/?&=%")
        return Response(
            b"", status_code=303, headers={"Location": path}, media_type="text/plain", cookies=self._cookies()
        )

    def _cookies(self) -> list[Cookie]:
        secure = self.base_url.startswith("https:")
        cookies = []
        if self._token_is_new:
            cookies.append(
                Cookie(
                    key=cookie_name(self.services),
                    value=self._token,
                    max_age=_BROWSER_S,
                    path="/",
                    secure=secure,
                    httponly=True,
                    samesite="lax",
                )
            )
        if self._language_is_new:
            cookies.append(
                Cookie(
                    key=languages.COOKIE,
                    value=self.language.value,
                    max_age=_YEAR_S,
                    path="/",
                    secure=secure,
                    samesite="lax",
                )
            )
        return cookies

    def other_language(self) -> Language:
        """The language this page offers to change to."""
        return self.language.other


async def make_page(request: AnyRequest, services: Services) -> Page:
    """The page of this request, with the logins of its browser."""
    token = _token_of(request, services)
    found: tuple[Login, ...] = ()
    if token is not None:
        async with services.pool.acquire() as connection:
            found = await find_logins(connection, token)
    return Page(request, services, found)


def _used_anew(logins: tuple[Login, ...]) -> bool:
    """Whether this request has made a login last longer: its cookie then must, too."""
    return any(datetime.now(UTC) - one.seen_at > TOUCH_EVERY for one in logins)


def cookie_name(services: Services) -> str:
    """With TLS a name that no subdomain and no plain connection can set."""
    return "__Host-cs" if services.public_url.startswith("https:") else "cs"


def _token_of(request: AnyRequest, services: Services) -> str | None:
    token = request.cookies.get(cookie_name(services), "")
    return token if _TOKEN_LENGTH[0] <= len(token) <= _TOKEN_LENGTH[1] and token.isascii() else None
