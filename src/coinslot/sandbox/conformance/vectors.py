"""The byte vectors against a decoder: one line in, one word out.

Each line is `DIRECTION BASE64`: the direction is `up`, `down` or `record`, the rest the bytes. The decoder answers
each with a line `ok` or `refused`, in order. One that reads only what a terminal hears answers `skip` to the others.
"""

from __future__ import annotations

import base64
import subprocess

from msgspec import Struct

from coinslot.sandbox.conformance.hands import FirmwareError
from coinslot.wire.codec import encode
from coinslot.wire.documents.examples import EXAMPLES
from coinslot.wire.documents.refusals import REFUSALS
from coinslot.wire.generate import direction_of

PATIENCE_S = 60.0
SKIP = "skip"


class Vector(Struct, frozen=True):
    """Bytes, and what is to be made of them."""

    name: str
    direction: str
    data: bytes
    wanted: str
    """`ok` or `refused`."""


class Found(Struct, frozen=True):
    """What a decoder made of them."""

    right: int
    wrong: list[str]


def vectors() -> list[Vector]:
    """All of docs/link/vectors.json, in its order."""
    good = [Vector(one.name, direction_of(one.message), encode(one.message), "ok") for one in EXAMPLES]
    return good + [Vector(one.name, one.direction, one.data, "refused") for one in REFUSALS]


def lines(asked: list[Vector]) -> bytes:
    """What the decoder reads."""
    return b"".join(one.direction.encode() + b" " + base64.b64encode(one.data) + b"\n" for one in asked)


def judge(asked: list[Vector], answered: list[str]) -> Found:
    """Each answer against what was wanted. One too few, and the vector it stopped at is named."""
    wrong: list[str] = []
    right = 0
    for number, vector in enumerate(asked):
        said = answered[number].strip() if number < len(answered) else "no answer"
        if said in (vector.wanted, SKIP):
            right += said != SKIP
            continue
        wrong.append(f"{vector.direction} {vector.name!r}: {said[:40]!r}; expected {vector.wanted}")
        if number >= len(answered):
            break
    return Found(right, wrong)


def check(words: list[str]) -> Found:
    """Run the decoder on all of them. FirmwareError when it cannot be run."""
    asked = vectors()
    try:
        done = subprocess.run(
            words, input=lines(asked), stdout=subprocess.PIPE, timeout=PATIENCE_S, check=False
        )
    except OSError as error:
        raise FirmwareError(f"{words[0]} cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise FirmwareError(f"{words[0]} did not end within {PATIENCE_S:.0f} s") from None
    return judge(asked, done.stdout.decode("utf-8", "replace").splitlines())
