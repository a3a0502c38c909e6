"""Secrets and signatures after the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from coinslot.keyring import Keyring, Purpose, mac
from coinslot.webhooks.model import Endpoint

SECRET_PREFIX: Final = "whsec_"
ROTATION: Final = timedelta(days=1)
"""So long after a rotation the earlier secret signs, too: time to put the new one in its place."""


def secret(keyring: Keyring, endpoint: Endpoint) -> str:
    """The endpoint's secret as its owner writes it down: made anew each time, so that it is stored nowhere."""
    raw = _key(keyring.key(Purpose.WEBHOOK), endpoint, endpoint.generation)
    return SECRET_PREFIX + base64.b64encode(raw).decode()


def headers(
    keyring: Keyring, endpoint: Endpoint, event_id: str, body: bytes, now: datetime
) -> dict[str, str]:
    """What goes with a message. A receiver accepts it when one of the signatures is right."""
    timestamp = int(now.timestamp())
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = [_sign(key, signed) for key in _keys(keyring, endpoint, now)]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(dict.fromkeys(signatures)),
    }


def signing_generations(endpoint: Endpoint, now: datetime) -> tuple[int, ...]:
    """The secret in force, then, for a day after a rotation, the one before."""
    rotated = endpoint.rotated_at
    if endpoint.generation > 1 and rotated is not None and now < rotated + ROTATION:
        return endpoint.generation, endpoint.generation - 1
    return (endpoint.generation,)


def _keys(keyring: Keyring, endpoint: Endpoint, now: datetime) -> list[bytes]:
    # The installation's own secret may have been replaced, of which a receiver knows nothing: what was handed out
    # goes on being right for as long as the earlier secret is kept.
    return [
        _key(base, endpoint, generation)
        for base in keyring.keys(Purpose.WEBHOOK)
        for generation in signing_generations(endpoint, now)
    ]


def _key(base: bytes, endpoint: Endpoint, generation: int) -> bytes:
    return mac(base, endpoint.operator_id, endpoint.endpoint_id, str(generation))


def _sign(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
