"""The client library's way to the network, and what of the library is used at all.

The library builds requests and pages; it is given a transport of ours, because its own sends along the name of the
machine and of whatever runs it, keeps a number of its user in the home directory, repeats requests by itself, and
shows whatever the provider wants shown as a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

import httpx
import stripe

from coinslot.payments.port import Unknown
from coinslot.providers.exchange import Deadlines, Exchange, trust
from coinslot.providers.stripe.settings import StripeKeys

VERSION: Final = "2026-10-28.endive"
"""The API's version that answers are read by; events have the endpoint's own, which changes nothing that is read."""
REPLAYED: Final = "idempotent-replayed"
REQUEST_ID: Final = "request-id"
_MOST_BYTES: Final = 4_000_000
_SENT: Final = ("authorization", "content-type", "idempotency-key", "stripe-version")
_KEPT: Final = (REQUEST_ID, REPLAYED)

# It logs addresses, answers and errors as they are.
logging.getLogger("stripe").setLevel(logging.CRITICAL)
stripe.enable_telemetry = False


class Wire(stripe.HTTPClient):
    """Takes the place of the library's own HTTP. Blocks; may be used by any number of threads."""

    name = "coinslot"

    def __init__(self, keys: StripeKeys, deadlines: Deadlines) -> None:
        super().__init__()
        self._host = httpx.URL(keys.gateway).netloc
        self._deadlines = deadlines
        self._exchange = Exchange("Stripe", deadlines, trust())

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: object = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """As the library's: body, status, headers, whatever the status. RetrySameKey when nothing was sent, Unknown
        when nobody can say, and for what Stripe has not answered: its answers name the request."""
        target = httpx.URL(url)
        if target.netloc != self._host:
            raise Unknown("ADDRESS", "an answer leads to another address")
        wanted = {name: value for name, value in (headers or {}).items() if name.lower() in _SENT}
        request = httpx.Request(
            method.upper(),
            target,
            headers={**wanted, "Accept": "application/json", "User-Agent": "coinslot"},
            content=post_data.encode() if isinstance(post_data, str) else None,
        )
        status, answered, body = self._exchange.send(
            request, whole_s=self._deadlines.whole_s, most_bytes=_MOST_BYTES
        )
        if REQUEST_ID not in answered:
            raise Unknown(f"HTTP {status}", "an answer that is not Stripe's")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise Unknown("CONTENT", "the answer is not UTF-8") from None
        return text, status, {name: answered[name] for name in _KEPT if name in answered}

    def close(self) -> None:
        """Give up the connections."""
        self._exchange.close()


def client(keys: StripeKeys, wire: Wire) -> stripe.StripeClient:
    """The library's client on this wire. It repeats nothing by itself."""
    return stripe.StripeClient(
        keys.secret_key,
        stripe_version=VERSION,
        base_addresses={"api": keys.gateway},
        max_network_retries=0,
        http_client=wire,
    )
