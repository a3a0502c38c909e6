"""What an operator sets for Stripe, and what may be wrong with it, before the first customer finds out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from coinslot.providers.findings import Finding, WrongSettings, is_loopback

GATEWAY: Final = "https://api.stripe.com"

_ACCOUNT: Final = re.compile(r"acct_[0-9A-Za-z]{8,60}")
_KEY: Final = re.compile(r"(?:sk|rk)_(?:live|test)_[0-9A-Za-z_]{8,240}")
_WEBHOOK_SECRET: Final = re.compile(r"whsec_[0-9A-Za-z+/=_-]{16,240}")
_KEYS_PAGE: Final = "Stripe's dashboard (Developers, API keys)"
_HOOKS_PAGE: Final = "the endpoint's page in Stripe's dashboard (Developers, Webhooks)"


class StripeSettings(Struct, frozen=True, kw_only=True):
    """As the operator wrote it."""

    account_id: str
    """acct_…: whose money it is."""
    secret_key: str
    """sk_… or, with fewer rights, rk_…; live or test."""
    webhook_secret: str
    """whsec_…, of the endpoint that events are sent to."""
    earlier_webhook_secrets: tuple[str, ...] = ()
    """From before a change-over, or of a second endpoint."""
    gateway: str = GATEWAY

    def __repr__(self) -> str:
        return f"StripeSettings(account_id={self.account_id!r})"


class StripeKeys(Struct, frozen=True, kw_only=True):
    """The same, found right."""

    account: str
    secret_key: str
    webhook_secrets: tuple[str, ...]
    """The first is in force."""
    gateway: str

    def __repr__(self) -> str:
        return f"StripeKeys(account={self.account!r})"

    @property
    def is_live(self) -> bool:
        """Whether real money moves."""
        return "_live_" in self.secret_key[:8]


def check(settings: StripeSettings) -> list[Finding]:
    """Everything that is wrong, each with what to do; empty when all is well. Asks nobody."""
    return [*_check_key(settings), *_check_webhook(settings), *_check_gateway(settings)]


def read_keys(settings: StripeSettings) -> StripeKeys:
    """Keys to work with. WrongSettings when `check` finds anything."""
    findings = check(settings)
    if findings:
        raise WrongSettings(findings)
    return StripeKeys(
        account=settings.account_id,
        secret_key=settings.secret_key,
        webhook_secrets=(settings.webhook_secret, *settings.earlier_webhook_secrets),
        gateway=settings.gateway.rstrip("/"),
    )


def _check_key(settings: StripeSettings) -> Iterator[Finding]:
    if not _ACCOUNT.fullmatch(settings.account_id):
        yield Finding(
            "account_id",
            "is not `acct_` and letters or digits",
            "Copy the account's id from Stripe's dashboard (Settings, Account details).",
        )
    key = settings.secret_key
    if key.startswith("pk_"):
        yield Finding("secret_key", "is the publishable key", f"Copy the secret one from {_KEYS_PAGE}.")
    elif not _KEY.fullmatch(key):
        yield Finding(
            "secret_key",
            "is neither `sk_live_…` nor `rk_live_…` (or `…_test_…`)",
            f"Copy the secret or a restricted key from {_KEYS_PAGE}.",
        )
    elif is_loopback(settings.gateway) and "_live_" in key[:8]:
        yield Finding("gateway", "is a sandbox, and `secret_key` is live", "Leave `gateway` out.")


def _check_webhook(settings: StripeSettings) -> Iterator[Finding]:
    secrets = {
        "webhook_secret": (settings.webhook_secret,),
        "earlier_webhook_secrets": settings.earlier_webhook_secrets,
    }
    for setting, values in secrets.items():
        for value in values:
            if value.startswith("we_"):
                yield Finding(setting, "is the endpoint's id", f"Reveal its signing secret on {_HOOKS_PAGE}.")
            elif not _WEBHOOK_SECRET.fullmatch(value):
                yield Finding(
                    setting, "is not `whsec_…`", f"Reveal and copy the signing secret on {_HOOKS_PAGE}."
                )


def _check_gateway(settings: StripeSettings) -> Iterator[Finding]:
    parts = urlsplit(settings.gateway)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(settings.gateway))
    if not parts.hostname or not safe or parts.path.rstrip("/") or parts.query:
        yield Finding(
            "gateway", "is not an https address", "Leave it out, but for a sandbox on this machine."
        )
