"""What each provider wants to know of a merchant: its settings, how they are written, what is made of them.

An adapter is imported when the first merchant's settings are judged: the three libraries take half a second to load,
which a command about tariffs, or a server that collects nothing, need not wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple, Protocol

import msgspec

from coinslot.payments.port import Provider
from coinslot.providers.findings import Finding


class Adapter(Provider, Protocol):
    """A provider whose connections somebody closes."""

    def close_connections(self) -> None:
        """Take no more calls; those under way end by their deadlines."""


class Form(Enum):
    """How a setting is written."""

    TEXT = auto()
    SECRET = auto()
    """A word that nobody else may know."""
    PRIVATE_KEY = auto()
    PUBLIC_KEY = auto()
    """Or a certificate."""
    SECRETS = auto()
    """A list of such."""
    PUBLIC_KEYS = auto()
    """A list of such."""
    NAMED_KEYS = auto()
    """A table: the key's id, and the key."""
    NAMED_TEXTS = auto()
    """A table: what it is, and what it says."""


class Judged(NamedTuple):
    """What an adapter says of its settings."""

    findings: list[Finding]
    make: Callable[[], Adapter]
    """Once nothing is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One provider."""

    account: str
    """What the adapter calls the merchant's account."""
    app: str
    """What it calls the app; empty where there is no such thing."""
    required: Mapping[str, Form]
    optional: Mapping[str, Form] = field(default_factory=dict)
    judge: Callable[[Mapping[str, object]], Judged]
    """The settings by the adapter's own names."""

    @property
    def forms(self) -> Mapping[str, Form]:
        """Every setting, but for account and app."""
        return {**self.required, **self.optional}

    def as_written(self, setting: str) -> str:
        """The name under which the file has what the adapter calls so."""
        return {self.account: "account", self.app: "app"}.get(setting, setting)


def _wechat(values: Mapping[str, object]) -> Judged:
    from coinslot.providers import wechat

    settings = msgspec.convert(values, wechat.WechatSettings)
    return Judged(wechat.check(settings), lambda: wechat.WechatPay(wechat.read_keys(settings)))


def _alipay(values: Mapping[str, object]) -> Judged:
    from coinslot.providers import alipay

    settings = msgspec.convert(values, alipay.AlipaySettings)
    return Judged(alipay.check(settings), lambda: alipay.Alipay(alipay.read_keys(settings)))


def _stripe(values: Mapping[str, object]) -> Judged:
    from coinslot.providers import stripe

    settings = msgspec.convert(values, stripe.StripeSettings)
    return Judged(stripe.check(settings), lambda: stripe.Stripe(stripe.read_keys(settings)))


KINDS: Final[Mapping[str, Kind]] = {
    "wechat": Kind(
        account="mchid",
        app="appid",
        required={
            "private_key": Form.PRIVATE_KEY,
            "apiv3_key": Form.SECRET,
            "public_keys": Form.NAMED_KEYS,
        },
        optional={
            "serial": Form.TEXT,
            "certificate": Form.PUBLIC_KEY,
            "earlier_apiv3_keys": Form.SECRETS,
            "app_secret": Form.SECRET,
            "transfer_scene": Form.TEXT,
            "transfer_reports": Form.NAMED_TEXTS,
            "gateway": Form.TEXT,
            "api_host": Form.TEXT,
            "open_host": Form.TEXT,
        },
        judge=_wechat,
    ),
    "alipay": Kind(
        account="seller_id",
        app="app_id",
        required={"private_key": Form.PRIVATE_KEY, "public_key": Form.PUBLIC_KEY},
        optional={
            "earlier_public_keys": Form.PUBLIC_KEYS,
            "qr_product": Form.TEXT,
            "gateway": Form.TEXT,
        },
        judge=_alipay,
    ),
    "stripe": Kind(
        account="account_id",
        app="",
        required={"secret_key": Form.SECRET, "webhook_secret": Form.SECRET},
        optional={"earlier_webhook_secrets": Form.SECRETS, "gateway": Form.TEXT},
        judge=_stripe,
    ),
}
"""By the provider's name."""

WITHOUT_KEYS: Final = frozenset({"counter"})
"""Providers that are this installation itself."""
