"""Trying the settings out: one question to Alipay about an order that cannot be."""

from __future__ import annotations

from typing import Final

from coinslot.payments.port import PaymentState, ProviderError
from coinslot.providers.alipay.adapter import Alipay
from coinslot.providers.findings import Finding

_NOBODYS: Final = "0" * 32
_APP: Final = "Compare it, and whether `gateway` is the one it belongs to and the app is online."
_WRONG: Final = {
    "UNVERIFIED": ("public_key", "is not the key Alipay signs with", "Copy Alipay's public key again."),
    "isv.invalid-signature": (
        "private_key",
        "does not belong to the public key that was uploaded",
        "Upload its public half to the app's page, or set the key that belongs to what is there.",
    ),
    "isv.missing-signature-config": (
        "private_key",
        "has no public half at Alipay",
        "Upload it to the app's page (interface signing, keys and not certificates).",
    ),
    "isv.invalid-app-id": ("app_id", "is unknown to the gateway", _APP),
    "isv.invalid-timestamp": ("clock", "is off", "Have this machine's clock set by NTP."),
    "UNREACHABLE": ("gateway", "cannot be reached", "Look at this machine's way to the network."),
    "TIMEOUT": ("gateway", "does not answer", "Look at this machine's way to the network."),
}
"""Alipay does not sign what it says to somebody whom it does not know: as answers these are believed by nobody, but
here nothing depends on them but a hint."""


async def probe(alipay: Alipay) -> list[Finding]:
    """What is wrong that only Alipay can tell; empty when app, keys, clock and way are right. Never raises."""
    try:
        seen = await alipay.query(_NOBODYS)
    except ProviderError as error:
        usual = (
            "gateway",
            f"is answered with {error.code}",
            f"Look that code up with Alipay; {error.reason}.",
        )
        return [Finding(*_WRONG.get(error.code, usual))]
    if seen.state is not PaymentState.ABSENT:
        return [Finding("gateway", "knows an order that cannot be", "See whether it is Alipay's.")]
    return []
