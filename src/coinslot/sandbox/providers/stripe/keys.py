"""Idempotency keys: the same request is done once and answered alike for a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coinslot.sandbox.providers.http import Request
from coinslot.sandbox.providers.stripe.refused import Refused

LIVES: Final = timedelta(hours=24)
_LONGEST: Final = 255


@dataclass(frozen=True)
class Kept:
    """What was asked under a key, and answered."""

    asked: tuple[str, str, bytes]
    status: int
    body: bytes
    at: datetime


class Keys:
    """Of one account."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def earlier(self, request: Request, now: datetime) -> Kept | None:
        """The answer that was given before. Refused when the key was for something else."""
        key = request.headers.get("idempotency-key", "")
        if len(key) > _LONGEST:
            raise Refused(400, "", "at most 255 characters", kind="idempotency_error", is_kept=False)
        kept = self._kept.get(key)
        if kept is None or now - kept.at >= LIVES:
            return None
        if kept.asked != _asked(request):
            words = "Keys for idempotent requests can only be used with the same parameters"
            raise Refused(400, "", words, kind="idempotency_error", is_kept=False)
        return kept

    def keep(self, request: Request, status: int, body: bytes, now: datetime) -> None:
        """This is what the key is answered with from now on."""
        key = request.headers.get("idempotency-key", "")
        if key and request.method == "POST":
            self._kept[key] = Kept(_asked(request), status, body, now)


def _asked(request: Request) -> tuple[str, str, bytes]:
    return request.method, request.path, request.body
