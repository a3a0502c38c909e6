"""SMS by Alibaba Cloud: `SendSms` of dysmsapi 2017-05-25, one number a call.

Its texts are templates that the provider has approved; we fill in their variables. A login code's template has
`${code}` alone, as the provider demands of those; a bill's has `${place}`, `${amount}` and `${session}`, and holds
the address itself (…/s/${session}/bill), since the provider refuses addresses as variables.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, assert_never

import httpx
import msgspec
from msgspec import Struct

from coinslot.people.notices import BillNotice, Language, LoginCodeNotice, Notice, NotSent, Recipient
from coinslot.providers.acs3 import AccessKey, Call, canonical_query, signed_headers
from coinslot.providers.texts import money_text

ENDPOINT: Final = "https://dysmsapi.aliyuncs.com"
TIMEOUT_S: Final = 5.0
_VERSION: Final = "2017-05-25"
_LONGEST_VARIABLE: Final = 35
_MOST_ANSWER_BYTES: Final = 64 * 1024

# By the provider's table of error codes. What is not named here will be refused again until somebody changes
# something: a signature, a template, a number.
_LATER: Final = frozenset(
    {
        "isv.BUSINESS_LIMIT_CONTROL",  # so many a minute, an hour, a day to one number
        "isv.DAY_LIMIT_CONTROL",
        "isv.MONTH_LIMIT_CONTROL",
        "isv.AMOUNT_NOT_ENOUGH",  # the account can be topped up
        "isv.OUT_OF_SERVICE",
        "ServiceUnavailable",
        "InternalError",
    }
)
_LATER_BY_FAMILY: Final = ("isp.", "Throttling", "ServiceUnavailable.")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Templates(Struct, frozen=True, kw_only=True):
    """The provider's codes (SMS_…) of one notice's templates. Either serves both languages if it is alone."""

    zh: str | None = None
    en: str | None = None

    def of(self, language: Language) -> str | None:
        """The one to use."""
        return (self.zh or self.en) if language == "zh" else (self.en or self.zh)


class _Answer(Struct, frozen=True):
    code: str = msgspec.field(name="Code", default="")
    number: str = msgspec.field(name="BizId", default="")


class AliyunSms:
    """Sends by SMS; see `people.notices.Notifier`."""

    def __init__(
        self,
        key: AccessKey,
        *,
        sign_name: str,
        codes: Templates,
        bills: Templates,
        endpoint: str = ENDPOINT,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._key = key
        self._sign_name = sign_name
        self._codes = codes
        self._bills = bills
        self._url = httpx.URL(endpoint)
        self._timeout_s = timeout_s
        self._trust = httpx.create_ssl_context()

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `people.notices.Notifier`."""
        if to.phone is None:
            raise NotSent("the customer has no phone number", again=False)
        template, variables = self._filled(notice, to.language)
        parameters = {
            "PhoneNumbers": to.phone.removeprefix("+"),
            "SignName": self._sign_name,
            "TemplateCode": template,
            "TemplateParam": msgspec.json.encode(variables).decode(),
        }
        try:
            async with asyncio.timeout(self._timeout_s):
                status, body = await self._post(canonical_query(parameters))
        except (TimeoutError, httpx.TimeoutException):
            # Without its cause, which holds the request and so the number.
            raise NotSent(
                f"the SMS provider did not answer within {self._timeout_s:g} s", again=True
            ) from None
        except (httpx.TransportError, OSError) as error:
            raise NotSent(
                f"the SMS provider cannot be reached ({type(error).__name__})", again=True
            ) from None
        return f"aliyun {_judged(status, body)}"

    def _filled(self, notice: Notice, language: Language) -> tuple[str, Mapping[str, str]]:
        match notice:
            case LoginCodeNotice():
                template, setting = self._codes.of(language), "aliyun_template_code_zh"
                variables = {"code": notice.code}
            case BillNotice():
                template, setting = self._bills.of(language), "aliyun_template_bill_zh"
                amount_minor = notice.captured_minor or notice.owed_minor
                variables = {
                    "place": f"{notice.site} {notice.appliance}"[:_LONGEST_VARIABLE],
                    "amount": money_text(amount_minor, notice.currency, language),
                    "session": notice.session,
                }
            case _:
                assert_never(notice)
        if template is None:
            raise NotSent(f"there is no SMS template for this notice: set `{setting}`", again=False)
        return template, variables

    async def _post(self, query: str) -> tuple[int, bytes]:
        host = self._url.netloc.decode()
        call = Call(
            host=host,
            action="SendSms",
            version=_VERSION,
            at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            nonce=secrets.token_hex(16),
        )
        target = self._url.copy_with(raw_path=f"/?{query}".encode())
        request = httpx.Request("POST", target, headers=signed_headers(self._key, call, query), content=b"")
        request.extensions["timeout"] = httpx.Timeout(self._timeout_s).as_dict()
        # The transport and not a client: a client logs each URL, and this one holds the number and the code.
        async with httpx.AsyncHTTPTransport(verify=self._trust) as transport:
            response = await transport.handle_async_request(request)
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_ANSWER_BYTES:
                    raise httpx.ReadError("the answer is too long")
            await response.aclose()
            return response.status_code, body


def _judged(status: int, body: bytes) -> str:
    """The provider's number of a message it took; NotSent by its code. Its own words may repeat the number."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = _Answer()
    if status == 200 and answer.code == "OK":
        return answer.number if _CODE.fullmatch(answer.number.replace("^", "-")) else "(no number)"
    code = answer.code if _CODE.fullmatch(answer.code) else f"HTTP {status}"
    again = status >= 500 or status == 429 or code in _LATER or code.startswith(_LATER_BY_FAMILY)
    raise NotSent(f"the SMS provider refused with {code}", again=again)
