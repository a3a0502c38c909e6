"""What the signature of an update is made over: one text, byte for byte as `docs/link/updates.md` says."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from coinslot.wire.heads import Text
from coinslot.wire.ids import Id
from coinslot.wire.parts import UpdateKind

EVERYBODY = "*"
"""The audience of what any terminal may take."""
MAX_SOFTWARE_BYTES = 64 * 1024 * 1024
MAX_CONFIG_BYTES = 256 * 1024


class Statement(Struct, frozen=True, kw_only=True):
    """What is claimed of one artifact, and for whom."""

    kind: UpdateKind
    serial: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    version: Text
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    size: Annotated[int, Meta(ge=1, le=2**40)]
    audience: Annotated[str, Meta(pattern=r"^(\*|[A-Za-z0-9_-]{1,40})$(?!\n)")] = EVERYBODY
    """An operator's id, or `*`."""

    def text(self) -> bytes:
        """What is signed. No two statements have the same text: a version has no line feed."""
        return (
            "coinslot update 1\n"
            f"kind={self.kind.value}\n"
            f"serial={self.serial}\n"
            f"version={self.version}\n"
            f"sha256={self.sha256}\n"
            f"size={self.size}\n"
            f"audience={self.audience}\n"
        ).encode()


def most_bytes(kind: UpdateKind) -> int:
    """How long an artifact of this kind may be."""
    return MAX_CONFIG_BYTES if kind is UpdateKind.CONFIG else MAX_SOFTWARE_BYTES


def audiences(operator: Id | str) -> tuple[str, ...]:
    """For whom something may be signed that a terminal of this operator takes; an empty one: of nobody known."""
    return (operator, EVERYBODY) if operator else (EVERYBODY,)
