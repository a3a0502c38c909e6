"""The broker's signed tokens (JWT with Ed25519 account keys), as far as the auth callout needs them."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import TypeVar

import msgspec
import nkeys
from msgspec import Struct

from coinslot.wire.ids import TerminalId
from coinslot.wire.topics import Channel, subject

T = TypeVar("T")


class ServerInfo(Struct, frozen=True):
    """The broker that asks."""

    id: str
    name: str = ""


class ClientInfo(Struct, frozen=True):
    """The connection that wants in."""

    id: int = 0
    user: str = ""
    kind: str = ""
    type: str = ""
    mqtt_id: str = ""


class ConnectOptions(Struct, frozen=True, rename={"password": "pass"}):
    """What the client gave."""

    user: str = ""
    password: str = ""


class AuthorizationRequest(Struct, frozen=True):
    """The `nats` part of the callout's question."""

    server_id: ServerInfo
    user_nkey: str
    client_info: ClientInfo
    connect_opts: ConnectOptions


class _RequestClaims(Struct, frozen=True):
    nats: AuthorizationRequest


class TokenError(ValueError):
    """The bytes are not a token of the broker's."""


def read_request(token: bytes) -> AuthorizationRequest:
    """The callout's question. TokenError when it is none.

    Its signature is not checked: only the broker can publish into the account it comes from, and there
    is no list of broker keys to check against.
    """
    return _payload(token, _RequestClaims).nats


class Issuer:
    """Signs answers with the account's key."""

    def __init__(self, seed: str, account: str = "APP") -> None:
        self._keys = nkeys.from_seed(bytearray(seed, "ascii"))
        self._public = bytes(self._keys.public_key).decode("ascii")
        self._account = account

    def admit(self, request: AuthorizationRequest, terminal: TerminalId, now_s: int) -> bytes:
        """The answer that lets this connection in as this terminal, with rights on its own subjects only."""
        user = self._sign(
            {
                "jti": secrets.token_hex(12),
                "iat": now_s,
                "iss": self._public,
                "sub": request.user_nkey,
                "aud": self._account,
                "name": terminal,
                "nats": {
                    "type": "user",
                    "version": 2,
                    "pub": {"allow": [subject(terminal, Channel.UP), subject(terminal, Channel.GONE)]},
                    "sub": {"allow": [subject(terminal, Channel.DOWN)]},
                    "subs": 4,
                    "data": -1,
                    "payload": -1,
                    "allowed_connection_types": ["MQTT"],
                },
            }
        )
        return self._answer(request, {"jwt": user.decode("ascii")}, now_s)

    def refuse(self, request: AuthorizationRequest, now_s: int) -> bytes:
        """The answer no; why is nobody's business but the log's."""
        return self._answer(request, {"error": "not authorised"}, now_s)

    def _answer(self, request: AuthorizationRequest, body: dict[str, str], now_s: int) -> bytes:
        return self._sign(
            {
                "jti": secrets.token_hex(12),
                "iat": now_s,
                "iss": self._public,
                "sub": request.user_nkey,
                "aud": request.server_id.id,
                "nats": {"type": "authorization_response", "version": 2, **body},
            }
        )

    def _sign(self, claims: Mapping[str, object]) -> bytes:
        body = _HEADER + b"." + _encode(msgspec.json.encode(claims))
        return body + b"." + _encode(self._keys.sign(body))


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_HEADER = _encode(b'{"typ":"JWT","alg":"ed25519-nkey"}')
_MAX_TOKEN_BYTES = 16 * 1024


def _payload(token: bytes, kind: type[T]) -> T:
    parts = token.split(b".")
    if len(parts) != 3 or len(token) > _MAX_TOKEN_BYTES:
        raise TokenError("a token has three parts and at most 16 KiB")
    try:
        body = base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(body, type=kind)
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TokenError(str(error)) from None
