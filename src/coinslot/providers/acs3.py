"""Alibaba Cloud's request signature, version 3 (ACS3-HMAC-SHA256), for calls whose parameters are in the query.

The steps are those of its documentation, "V3 request structure and signature". Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"
NO_BODY = hashlib.sha256(b"").hexdigest()


class AccessKey(NamedTuple):
    """Who calls."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return "AccessKey(…)"


class Call(NamedTuple):
    """Which operation of which service is called, when."""

    host: str
    """As the Host header says it, a port included."""
    action: str
    version: str
    at: str
    """UTC, such as 2023-10-26T10:22:32Z."""
    nonce: str
    """Never the same twice."""


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted by name and encoded after RFC 3986: what is signed is exactly what has to be sent."""
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(parameters.items()))


def signed_headers(key: AccessKey, call: Call, query: str) -> dict[str, str]:
    """The headers of a POST to `/` with this canonical query and no body."""
    headers = {
        "host": call.host,
        "x-acs-action": call.action,
        "x-acs-content-sha256": NO_BODY,
        "x-acs-date": call.at,
        "x-acs-signature-nonce": call.nonce,
        "x-acs-version": call.version,
    }
    return {**headers, "authorization": authorization(key, headers, query)}


def authorization(key: AccessKey, headers: Mapping[str, str], query: str) -> str:
    """The `authorization` header over all of these headers, whose names are in lower case."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = f"POST\n/\n{query}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key.id},SignedHeaders={names},Signature={signature}"


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
