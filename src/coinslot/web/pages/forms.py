"""What people send: forms, read within bounds, believed only when they come from a page of ours."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from litestar import Request
from litestar.datastructures import State, UploadFile

from coinslot.keyring import Keyring, Purpose, mac
from coinslot.web.pages.languages import marked
from coinslot.web.problems import Problem

MAX_FORM_BYTES: Final = 16 * 1024
_MOST_FIELDS: Final = 32
FIELD: Final = "form"
"""The hidden field that binds a form to the browser it was sent to."""
_NONCE_BYTES: Final = 6


def seal(keyring: Keyring, token: str) -> str:
    """A new value of that field. It differs each time, so that compression tells nothing of it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + _sum(keyring.key(Purpose.FORM), token, nonce)).decode()


def is_sealed(keyring: Keyring, token: str, value: str) -> bool:
    """Whether the value was made for this browser."""
    try:
        raw = base64.urlsafe_b64decode(value)
    except (binascii.Error, ValueError):
        return False
    nonce, rest = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
    return any(hmac.compare_digest(rest, _sum(key, token, nonce)) for key in keyring.keys(Purpose.FORM))


def _sum(key: bytes, token: str, nonce: bytes) -> bytes:
    return mac(key, token, nonce.hex())[:16]


class Form:
    """The fields of a form; a field that was not sent is empty."""

    def __init__(self, texts: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> None:
        self._texts = texts
        self._files = files or {}

    def text(self, name: str) -> str:
        """A field's text without outer space."""
        return self.exactly(name).strip()

    def exactly(self, name: str) -> str:
        """A field's text as it was typed, for what may begin or end with a space."""
        return self._texts.get(name, "")

    def file(self, name: str) -> bytes:
        """An uploaded file's bytes."""
        return self._files.get(name, b"")


async def read_form(request: Request[object, object, State]) -> Form:
    """A url-encoded or multipart form. Problem 400, 413 or 415 when it is none."""
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return Form(_pairs(await request.body()))
    if kind == "multipart/form-data":
        try:
            sent = await request.form()
        except (ValueError, LookupError):
            # Text in no encoding, or in one that nobody knows.
            raise _unreadable() from None
        texts: dict[str, str] = {}
        files: dict[str, bytes] = {}
        for name, value in sent.items():
            if isinstance(value, UploadFile):
                files[name] = await value.read()
            elif isinstance(value, str):
                texts[name] = value
        return Form(texts, files)
    raise Problem(
        415, "no_form", marked("This cannot be read"), marked("Load the page again and try once more.")
    )


def _pairs(body: bytes) -> dict[str, str]:
    if len(body) > MAX_FORM_BYTES:
        raise Problem(413, "too_large", marked("Too large"), marked("Send less at once."))
    try:
        return dict(
            parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
            )
        )
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> Problem:
    return Problem(
        400, "no_form", marked("This cannot be read"), marked("Load the page again and try once more.")
    )


def refuse_foreign(request: Request[object, object, State]) -> None:
    """Problem 403 for a form that another site's page has sent."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site not in (None, "same-origin", "none")
    if origin is not None and origin != "null":
        foreign = foreign or urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign:
        raise Problem(
            403,
            "foreign_form",
            marked("This did not come from our page"),
            marked("Open the page itself and try again."),
        )
