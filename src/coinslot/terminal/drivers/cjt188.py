"""CJ/T 188: the frames of household water meters with a valve, read and written. No I/O.

    FE FE FE  68  type  address×7  control  length  data×length  sum  16

The address goes lowest byte first; the sum is that of all bytes from 68 on, modulo 256. Figures are BCD, lowest
byte first, followed by their unit; the first status byte's two lowest bits tell of the valve.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from msgspec import Struct

START, END, LEAD = 0x68, 0x16, 0xFE
HEAD = 11
"""Bytes from 68 to the length."""
LONGEST = HEAD + 255 + 2


class FrameError(OSError):
    """The bytes are no frame, or not the one that was asked for. Nothing in them is to be believed."""


class Control(IntEnum):
    """What a frame wants; an answer has the highest bit too, a refusal the second highest besides."""

    READ = 0x01
    READ_ADDRESS = 0x03
    WRITE = 0x04


ANSWER = 0x80
REFUSED = 0x40


class Order(IntEnum):
    """To the valve."""

    OPEN = 0x55
    SHUT = 0x99


class Status(IntFlag):
    """The first status byte."""

    SHUT = 0x01
    BAD_VALVE = 0x02
    """With SHUT: the valve is neither; alone it means nothing."""
    BATTERY_LOW = 0x04


_ML_OF = {0x29: 10, 0x2C: 10_000}
"""Millilitres of one hundredth of a litre's and of a cubic metre's unit."""


class Frame(Struct, frozen=True, kw_only=True):
    """One frame, either way."""

    type: int
    address: str
    """Fourteen digits as printed: highest byte first."""
    control: int
    data: bytes


class Reading(Struct, frozen=True):
    """A meter's answer to READ."""

    ml: int
    status: Status


def encode(frame: Frame, lead: int = 3) -> bytes:
    """The bytes to send, with so many leading FE that wake a sleeping meter."""
    body = bytes((START, frame.type)) + bytes.fromhex(frame.address)[::-1]
    body += bytes((frame.control, len(frame.data))) + frame.data
    return bytes([LEAD] * lead) + body + bytes((sum(body) & 0xFF, END))


def decode(raw: bytes) -> Frame:
    """Exactly one frame, perhaps after leading FE. FrameError names what is wrong with it."""
    body = raw.lstrip(bytes([LEAD]))
    if len(body) < HEAD + 2 or body[0] != START:
        raise FrameError("no frame")
    length = body[HEAD - 1]
    if len(body) != HEAD + length + 2:
        raise FrameError(f"{len(body) - HEAD - 2} bytes of data came, {length} were announced")
    if body[-1] != END:
        raise FrameError(f"it ends in {body[-1]:02X}, not in 16")
    total = sum(body[:-2]) & 0xFF
    if body[-2] != total:
        raise FrameError(f"its sum is {body[-2]:02X}, that of its bytes is {total:02X}")
    return Frame(
        type=body[1],
        address=body[2:9][::-1].hex().upper(),
        control=body[9],
        data=body[HEAD:-2],
    )


def complete(raw: bytes) -> bytes | None:
    """The first whole frame in what has come so far, None while it is not whole. Noise before 68 is left out; a 68
    in the noise makes a frame that `decode` refuses."""
    at = raw.find(START)
    if at < 0 or len(raw) < at + HEAD:
        return None
    end = at + HEAD + raw[at + HEAD - 1] + 2
    return raw[at:end] if len(raw) >= end else None


def read_request(meter_type: int, address: str, data: str, serial: int) -> Frame:
    """Ask for the volume."""
    return Frame(
        type=meter_type, address=address, control=Control.READ, data=bytes.fromhex(data) + bytes([serial])
    )


def valve_request(meter_type: int, address: str, data: str, serial: int, order: Order) -> Frame:
    """Have the valve moved."""
    said = bytes.fromhex(data) + bytes((serial, order))
    return Frame(type=meter_type, address=address, control=Control.WRITE, data=said)


def reading(asked: Frame, answer: Frame) -> Reading:
    """The volume in an answer to `read_request`. FrameError when it is no answer to that."""
    data = _answered(asked, answer)
    if len(data) < 12:
        raise FrameError(f"{len(data)} bytes are too few for a reading")
    ml_of = _ML_OF.get(data[4])
    if ml_of is None:
        raise FrameError(f"its unit {data[4]:02X} is none of volume")
    digits = data[3::-1].hex()
    if not digits.isdecimal():
        raise FrameError(f"its volume {digits} is no number")
    return Reading(int(digits) * ml_of, Status(data[-2]))


def valve_status(asked: Frame, answer: Frame) -> Status:
    """The valve's status in an answer to `valve_request`."""
    data = _answered(asked, answer)
    if not data:
        raise FrameError("no status came")
    return Status(data[0])


def is_open(status: Status) -> bool | None:
    """What the status says of the valve; None where it is neither open nor shut."""
    return None if Status.BAD_VALVE in status else Status.SHUT not in status


def _answered(asked: Frame, answer: Frame) -> bytes:
    if (answer.type, answer.address) != (asked.type, asked.address):
        raise FrameError(f"meter {answer.address} answered, not {asked.address}")
    if answer.control & REFUSED:
        raise FrameError(f"meter {answer.address} refuses ({answer.data[-2:].hex()})")
    if answer.control != asked.control | ANSWER:
        raise FrameError(f"control {answer.control:02X} is no answer to {asked.control:02X}")
    if answer.data[:3] != asked.data[:3]:
        raise FrameError("the answer is to another request")
    return answer.data[3:]
