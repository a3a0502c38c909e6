"""Bytes to messages and back: bounded before it is parsed, and never a crash on anybody's input."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from coinslot.wire.messages import MAX_MESSAGE_BYTES, Down, Up
from coinslot.wire.records import Record


class WireError(ValueError):
    """The bytes are not a message of the link; the text names the field and the reason."""


T = TypeVar("T")

_WHY_CHARS = 300
"""A longer explanation is the sender's own text, quoted."""

_encoder = msgspec.json.Encoder()
_up: msgspec.json.Decoder[Up] = msgspec.json.Decoder(Up)
_down: msgspec.json.Decoder[Down] = msgspec.json.Decoder(Down)
_record: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(message: Up | Down | Record) -> bytes:
    """The canonical bytes: fields in their declared order, defaults left out, no white space.

    WireError when the message would be over 4 KiB.
    """
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"a message may be at most {MAX_MESSAGE_BYTES} bytes, this is {len(data)}")
    return data


def decode_up(data: bytes) -> Up:
    """A message of the terminal's. WireError names the field and the reason."""
    return _decode(_up, data)


def decode_down(data: bytes) -> Down:
    """A message of the server's. WireError names the field and the reason."""
    return _decode(_down, data)


def decode_record(data: bytes | msgspec.Raw) -> Record:
    """One record out of a `records` message. WireError names the field and the reason."""
    return _decode(_record, bytes(data))


def _decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"a message may be at most {MAX_MESSAGE_BYTES} bytes, this is {len(data)}")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(_printable(str(error))) from None


def _printable(text: str) -> str:
    """An error's text as a database and a log take it: it quotes what was sent, NUL included."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text[:_WHY_CHARS])
