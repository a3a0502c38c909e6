"""What the agent and the process that works for it say to each other."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.terminal.updating.standing import Release

JOB_BYTES: Final = 64 * 1024
STALL_S: Final = 30.0
"""For which a server may be silent."""


class Job(Struct, frozen=True, kw_only=True):
    """What is to be done."""

    directory: str
    release: Release
    keys: tuple[str, ...]
    """Ed25519 public keys, in hex."""
    operator: str = ""
    ca: str | None = None
    stall_s: float = STALL_S
    load: bool = True
    """Else only the signature is proved."""


class Said(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it ended."""

    ready: bool = False
    refused: str = ""
    later: str = ""
