"""What terminals say, in bytes that every implementation must read, and write alike."""

from __future__ import annotations

from msgspec import Raw

from coinslot.wire.codec import encode
from coinslot.wire.documents.example import Example
from coinslot.wire.documents.example_records import (
    BIG,
    CHECKPOINT,
    EPOCH,
    LONG_ID,
    SESSION,
    STARTED,
    STOPPED,
)
from coinslot.wire.messages import (
    Alive,
    CodeEntered,
    Gone,
    Hello,
    KeypadGuard,
    Lost,
    QrCancelled,
    QrWanted,
    Readings,
    Records,
    Updated,
    UpdateKind,
    UpdateStep,
)
from coinslot.wire.records import Record
from coinslot.wire.registers import Register


def _raw(record: Record) -> Raw:
    return Raw(encode(record))


UP_EXAMPLES = (
    Example(
        "first hello of a terminal",
        Hello(link=1, epoch=EPOCH, next_seq=1, oldest_seq=1, boot=1, open_sessions=[]),
    ),
    Example(
        "hello in mid-session, in answer to a ping",
        Hello(
            link=42,
            epoch=EPOCH,
            next_seq=1_001,
            at_ms=16_250,
            oldest_seq=490,
            boot=7,
            open_sessions=[SESSION],
            firmware="coinslot-agent 1.0.0 固件",
        ),
    ),
    Example(
        "hello, biggest counts, 32 sessions",
        Hello(
            link=BIG,
            epoch=LONG_ID,
            next_seq=BIG,
            at_ms=BIG,
            oldest_seq=BIG,
            boot=BIG,
            open_sessions=[f"ses_{number:02}" for number in range(32)],
            firmware="f" * 64,
        ),
    ),
    Example("one record", Records(link=42, epoch=EPOCH, first_seq=1, records=[_raw(STARTED)])),
    Example(
        "a session in one message",
        Records(
            link=42,
            epoch=EPOCH,
            first_seq=1_001,
            records=[_raw(STARTED), _raw(CHECKPOINT), _raw(STOPPED)],
        ),
    ),
    Example(
        "sixteen records",
        Records(link=42, epoch=EPOCH, first_seq=BIG - 16, records=[_raw(CHECKPOINT)] * 16),
    ),
    Example("lost", Lost(link=42, epoch=EPOCH, from_seq=480, to_seq=489)),
    Example("one lost record", Lost(link=42, epoch=EPOCH, from_seq=1, to_seq=1)),
    Example(
        "readings, idle", Readings(link=42, outlet=0, ticks_ms=300_000, registers={Register.ML: 1_258_500})
    ),
    Example(
        "readings in use",
        Readings(
            link=42,
            outlet=1,
            ticks_ms=65_000,
            registers={Register.ML: 1_250_700, Register.S: 88},
            flow_ml_per_min=8_400,
            power_w=0,
            valve_open=True,
            session=SESSION,
            sensors={"tank_decic": 612, "tds_ppm": 12},
        ),
    ),
    Example(
        "readings, sixteen sensors",
        Readings(
            link=42,
            outlet=0,
            ticks_ms=1,
            registers={},
            valve_open=False,
            sensors={f"sensor_{number:02}": -number for number in range(16)},
        ),
    ),
    Example("code entered", CodeEntered(link=42, outlet=0, digits="48213907", request="r1")),
    Example("code entered, longest", CodeEntered(link=42, outlet=255, digits="0" * 16, request=LONG_ID)),
    Example("QR wanted", QrWanted(link=42, outlet=0, provider="wechat", package="10min", request="r2")),
    Example("QR wanted no more", QrCancelled(link=42, outlet=0, request="r2")),
    Example("QR wanted no more, longest", QrCancelled(link=BIG, outlet=255, request=LONG_ID)),
    Example(
        "readings of an electrical outlet",
        Readings(
            link=42,
            outlet=0,
            ticks_ms=70_000,
            registers={Register.WH: 40, Register.S: 61},
            power_w=2_514,
            valve_open=True,
            session=SESSION,
        ),
    ),
    Example(
        "hello of a terminal that takes offline codes",
        Hello(
            link=43,
            epoch=EPOCH,
            next_seq=1_004,
            oldest_seq=490,
            boot=7,
            open_sessions=[],
            offline=["7k2m9q"],
        ),
    ),
    Example("a keypad after two wrong codes", KeypadGuard(link=42, outlet=0, tries=2)),
    Example("a locked keypad", KeypadGuard(link=42, outlet=255, tries=9, locked_s=960)),
    *(
        Example(f"update: {step.value}", Updated(link=42, version="1.1.0", serial=7, step=step))
        for step in UpdateStep
    ),
    Example(
        "update of the configuration: refused",
        Updated(
            link=42,
            version="2026-11-22",
            serial=7,
            step=UpdateStep.REFUSED,
            kind=UpdateKind.CONFIG,
            detail="not newer than serial 7, which is in place",
        ),
    ),
    Example("alive", Alive(link=42)),
    Example("gone", Gone(link=42)),
)
