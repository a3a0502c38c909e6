"""The frozen agreement as the text that a session keeps."""

from __future__ import annotations

import msgspec

from coinslot.sharing.model import MAX_PARTS, WHOLE_PPM, Frozen, Part

_decoder = msgspec.json.Decoder(Frozen)


class SharingError(ValueError):
    """A frozen agreement that cannot be read: its session cannot be shared, and goes to review."""


def freeze(frozen: Frozen) -> str:
    """The same agreement always gives the same text."""
    return msgspec.json.encode(frozen).decode()


def thaw(text: str) -> Frozen:
    """What `freeze` wrote. SharingError for anything else."""
    try:
        frozen = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise SharingError(f"the frozen agreement cannot be read: {error}") from None
    why = flaw(frozen.parts)
    if why is not None:
        raise SharingError(f"the frozen agreement cannot be kept: {why}")
    return frozen


def flaw(parts: tuple[Part, ...]) -> str | None:
    """What is wrong with these parts together; None when they can be kept."""
    if not 1 <= len(parts) <= MAX_PARTS:
        return f"an agreement has 1 to {MAX_PARTS} parts, not {len(parts)}"
    if len({part.party for part in parts}) < len(parts):
        return "a party has one part in an agreement"
    if any(not part.share_ppm and not part.fixed_minor for part in parts):
        return "a part is a share, a fixed amount, or both"
    whole_ppm = sum(part.share_ppm for part in parts)
    if whole_ppm > WHOLE_PPM:
        return f"the shares come to {whole_ppm} parts per million, more than all of a charge"
    return None
