"""Ways to pay that make sense where the visitor is: by what the operator has, and by what the browser says it is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from msgspec import Struct

from coinslot.payments.model import Merchant
from coinslot.payments.port import Channel
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.merchants import list_merchants
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.wire.ids import OperatorId

WECHAT: Final = "wechat"
ALIPAY: Final = "alipay"
STRIPE: Final = "stripe"
COUNTER: Final = "counter"
NAMES: Final = {
    WECHAT: marked("WeChat Pay"),
    ALIPAY: marked("Alipay"),
    STRIPE: marked("Bank card"),
    COUNTER: marked("Counter"),
}
_OWN_CURRENCY: Final = {WECHAT: "CNY", ALIPAY: "CNY"}
_ORDER: Final = (WECHAT, ALIPAY, STRIPE, COUNTER)


@runtime_checkable
class KnowsPayers(Protocol):
    """An adapter that can tell who uses a page inside its provider's app."""

    @property
    def knows_payers(self) -> bool:
        """Whether it has all the keys for that."""

    def authorize_url(self, redirect: str, state: str) -> str:
        """Where to send the phone's browser; it comes back to `redirect` with `code` and `state`."""

    async def openid_of(self, code: str) -> str:
        """The payer's id for a code, which serves once. ProviderError."""


class Around(StrEnum):
    """What the page is shown in."""

    WECHAT = "wechat"
    """WeChat's own browser: no other way than WeChat's works there."""
    ALIPAY = "alipay"
    """Alipay's own, likewise."""
    PHONE = "phone"
    COMPUTER = "computer"
    """Paid with a phone that scans the screen."""


class Way(Struct, frozen=True, kw_only=True):
    """One way to pay."""

    merchant: Merchant
    channel: Channel

    @property
    def choice(self) -> str:
        """What a form sends for it."""
        return self.merchant.merchant_id


def around_of(user_agent: str) -> Around:
    """By what the browser says. It may lie: then the way it is offered does not work for it, and no more."""
    if "MicroMessenger" in user_agent:
        return Around.WECHAT
    if "AlipayClient" in user_agent:
        return Around.ALIPAY
    is_phone = any(word in user_agent for word in ("Mobile", "Android", "iPhone", "iPad", "HarmonyOS"))
    return Around.PHONE if is_phone else Around.COMPUTER


def around(page: Page) -> Around:
    """What this page is shown in."""
    return around_of(page.request.headers.get("user-agent", ""))


def channel_of(provider: str, where: Around) -> Channel | None:
    """How this provider is paid there; None where it cannot be."""
    if provider == COUNTER:
        return Channel.COUNTER  # a code to be read aloud, wherever it is shown
    match where:
        case Around.WECHAT:
            return Channel.IN_APP if provider == WECHAT else None
        case Around.ALIPAY:
            return Channel.BROWSER if provider == ALIPAY else None
        case Around.PHONE:
            return Channel.BROWSER
        case Around.COMPUTER:
            return Channel.BROWSER if provider == STRIPE else Channel.QR


def ways_among(merchants: Sequence[Merchant], where: Around, currency: str) -> list[Way]:
    """One way for each provider, with the merchant that is first in the list."""
    found: dict[str, Way] = {}
    for merchant in merchants:
        channel = channel_of(merchant.provider, where)
        if merchant.provider not in _ORDER or channel is None or merchant.provider in found:
            continue
        if _OWN_CURRENCY.get(merchant.provider, currency) == currency:
            found[merchant.provider] = Way(merchant=merchant, channel=channel)
    return [found[provider] for provider in _ORDER if provider in found]


async def payable(page: Page, operator: OperatorId) -> list[Merchant]:
    """The operator's merchants that take new payments and whose keys this process has, oldest first."""
    door = page.services.payments
    if door is None:
        return []
    async with door.pool.acquire() as connection:
        merchants = await list_merchants(connection, operator)
    return [merchant for merchant in merchants if merchant.active and door.find(merchant) is not None]


async def ways(page: Page, operator: OperatorId, currency: str) -> list[Way]:
    """The ways that work where the visitor is."""
    where, door = around(page), page.services.payments
    found = ways_among(await payable(page, operator), where, currency)
    if where is not Around.WECHAT or door is None:
        return found
    return [
        way
        for way in found
        if way.channel is not Channel.IN_APP or payer_asker(door, way.merchant) is not None
    ]


def payer_asker(door: PaymentDoor, merchant: Merchant) -> KnowsPayers | None:
    """What can tell who the payer is at this merchant's app; None without its keys."""
    provider = door.find(merchant)
    return provider if isinstance(provider, KnowsPayers) and provider.knows_payers else None


def provider_name(page: Page, provider: str) -> str:
    """What people call it."""
    return page.say(NAMES[provider]) if provider in NAMES else provider.capitalize()
