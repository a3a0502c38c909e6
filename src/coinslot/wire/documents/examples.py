"""Messages and records whose exact bytes every implementation must read, and write alike."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from coinslot.wire.codec import encode
from coinslot.wire.messages import (
    Ack,
    Alive,
    Bill,
    CodeEntered,
    Config,
    Configure,
    Down,
    Gone,
    Hello,
    Limits,
    Lost,
    Ping,
    QrWanted,
    Readings,
    Records,
    Show,
    Start,
    Stop,
    Up,
    Update,
    Welcome,
)
from coinslot.wire.records import (
    Checkpoint,
    CurvePoint,
    Declined,
    DeclineReason,
    Fault,
    FaultCode,
    OfflineCredit,
    Record,
    Started,
    Stopped,
    StopReason,
    Summary,
)
from coinslot.wire.registers import MAX_COUNT, Register

Anything: TypeAlias = Up | Down | Record

_EPOCH = "epo_1hv3k8m2q4r6t8w0y2a4c6e8"
_SESSION = "ses_1hv3k8m2q4r6t8w0y2a4c6e8"
_COMMAND = "cmd_1hv3k8m2q4r6t8w0y2a4c6e9"
_LONG_ID = "x" * 40
_BIG = MAX_COUNT
_NOW_MS = 1_790_000_000_000


class Example(Struct, frozen=True):
    """A message and what it is an example of."""

    name: str
    message: Anything


def _raw(record: Record) -> Raw:
    return Raw(encode(record))


_STARTED = Started(
    boot=7,
    ticks_ms=61_000,
    wall_ms=_NOW_MS,
    session=_SESSION,
    command=_COMMAND,
    outlet=0,
    registers={Register.ML: 1_250_000},
)
_STOPPED = Stopped(
    boot=7,
    ticks_ms=121_500,
    wall_ms=_NOW_MS + 60_500,
    session=_SESSION,
    outlet=0,
    reason=StopReason.KEY,
    start={Register.ML: 1_250_000},
    registers={Register.ML: 1_258_500},
    sensors={"tds_ppm": Summary(12, 13, 12, 14, 13), "water_decic": Summary(381, 402, 380, 405, 398)},
    curve=[CurvePoint(10, 1_400), CurvePoint(20, 2_850), CurvePoint(60, 8_500)],
)
_FULL_CURVE = Stopped(
    boot=1,
    ticks_ms=14_400_000,
    session=_SESSION,
    outlet=255,
    reason=StopReason.LIMIT,
    start={Register.ML: 0, Register.S: 0, Register.WH: 0, Register.COUNT: 0},
    registers={Register.ML: 1_000_000, Register.S: 14_400, Register.WH: 20_000, Register.COUNT: 100},
    curve=[CurvePoint(at_s=240 * point, value=16_666 * point) for point in range(1, 61)],
)
_CHECKPOINT = Checkpoint(
    boot=7, ticks_ms=71_000, session=_SESSION, outlet=0, registers={Register.ML: 1_251_400}
)
_ALL_LIMITS = Limits(ml=111_111, s=14_400, wh=20_000, count=100, idle_s=150)

_RECORDS = (
    Example("started", _STARTED),
    Example(
        "started, clock unknown, every register",
        Started(
            boot=0,
            ticks_ms=0,
            session=_SESSION,
            command=_COMMAND,
            outlet=3,
            registers={Register.ML: 0, Register.S: 0, Register.WH: 0, Register.COUNT: 0},
        ),
    ),
    Example(
        "started, biggest counts, longest ids",
        Started(
            boot=_BIG,
            ticks_ms=_BIG,
            wall_ms=_BIG,
            session=_LONG_ID,
            command=_LONG_ID,
            outlet=255,
            registers={Register.ML: _BIG, Register.COUNT: _BIG},
        ),
    ),
    Example("checkpoint", _CHECKPOINT),
    Example(
        "checkpoint without a register", Checkpoint(boot=1, ticks_ms=9, session="s", outlet=1, registers={})
    ),
    Example("stopped by the stop key", _STOPPED),
    Example("stopped at a limit, 60 points", _FULL_CURVE),
    Example(
        "stopped by a power cut, nothing used, a negative measure",
        Stopped(
            boot=8,
            ticks_ms=40,
            session=_SESSION,
            outlet=0,
            reason=StopReason.POWER_LOSS,
            start={Register.ML: 5},
            registers={Register.ML: 5},
            sensors={"air_decic": Summary(-(2**31), 2**31 - 1, -400, 0, -1)},
        ),
    ),
    *(
        Example(
            f"declined: {reason.value}",
            Declined(boot=7, ticks_ms=62_000, command=_COMMAND, session=_SESSION, outlet=0, reason=reason),
        )
        for reason in DeclineReason
    ),
    Example(
        "offline credit",
        OfflineCredit(boot=7, ticks_ms=5, session=_SESSION, outlet=0, token_count=12, limits_minor=300),
    ),
    Example(
        "offline credit of nothing",
        OfflineCredit(boot=7, ticks_ms=5, session=_SESSION, outlet=0, token_count=0, limits_minor=0),
    ),
    *(
        Example(f"fault: {code.value}", Fault(boot=7, ticks_ms=5, outlet=0, code=code, active=True))
        for code in FaultCode
    ),
    Example(
        "fault over, in a session",
        Fault(
            boot=7,
            ticks_ms=6,
            wall_ms=0,
            outlet=1,
            code=FaultCode.LEAK,
            active=False,
            session=_SESSION,
            registers={Register.ML: 9},
        ),
    ),
)

_UP = (
    Example(
        "first hello of a terminal",
        Hello(link=1, epoch=_EPOCH, next_seq=1, oldest_seq=1, boot=1, open_sessions=[]),
    ),
    Example(
        "hello in mid-session, in answer to a ping",
        Hello(
            link=42,
            epoch=_EPOCH,
            next_seq=1_001,
            at_ms=16_250,
            oldest_seq=490,
            boot=7,
            open_sessions=[_SESSION],
            firmware="coinslot-agent 1.0.0 固件",
        ),
    ),
    Example(
        "hello, biggest counts, 32 sessions",
        Hello(
            link=_BIG,
            epoch=_LONG_ID,
            next_seq=_BIG,
            at_ms=_BIG,
            oldest_seq=_BIG,
            boot=_BIG,
            open_sessions=[f"ses_{number:02}" for number in range(32)],
            firmware="f" * 64,
        ),
    ),
    Example("one record", Records(link=42, epoch=_EPOCH, first_seq=1, records=[_raw(_STARTED)])),
    Example(
        "a session in one message",
        Records(
            link=42,
            epoch=_EPOCH,
            first_seq=1_001,
            records=[_raw(_STARTED), _raw(_CHECKPOINT), _raw(_STOPPED)],
        ),
    ),
    Example(
        "sixteen records",
        Records(link=42, epoch=_EPOCH, first_seq=_BIG - 16, records=[_raw(_CHECKPOINT)] * 16),
    ),
    Example("lost", Lost(link=42, epoch=_EPOCH, from_seq=480, to_seq=489)),
    Example("one lost record", Lost(link=42, epoch=_EPOCH, from_seq=1, to_seq=1)),
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
            session=_SESSION,
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
    Example("code entered, longest", CodeEntered(link=42, outlet=255, digits="0" * 16, request=_LONG_ID)),
    Example("QR wanted", QrWanted(link=42, outlet=0, provider="wechat", package="10min", request="r2")),
    Example("alive", Alive(link=42)),
    Example("gone", Gone(link=42)),
)

_DOWN = (
    Example("welcome", Welcome(link=42, now_ms=_NOW_MS, epoch=_EPOCH, acked=1_000)),
    Example(
        "welcome that asks for a new epoch, with settings",
        Welcome(
            link=42,
            now_ms=_NOW_MS,
            epoch=_EPOCH,
            acked=0,
            new_epoch=True,
            config=Config(checkpoint_s=5, readings_s=20, idle_readings_s=3_600, watch_readings_s=2),
        ),
    ),
    Example("ack", Ack(link=42, epoch=_EPOCH, seq=1_003)),
    Example("ack of nothing yet, wants the first", Ack(link=42, epoch=_EPOCH, seq=0, want=1)),
    Example(
        "start without a quote",
        Start(
            link=42, command=_COMMAND, session=_SESSION, outlet=0, limits=_ALL_LIMITS, expires_at_ms=31_000
        ),
    ),
    Example(
        "start with a quote",
        Start(
            link=42,
            command=_COMMAND,
            session=_SESSION,
            outlet=0,
            limits=_ALL_LIMITS,
            expires_at_ms=31_000,
            quote=Raw(b'{"tariff_id":"trf_1","version":3,"currency":"CNY","hold_minor":500}'),
        ),
    ),
    Example(
        "start, biggest and smallest limits",
        Start(
            link=1,
            command="c",
            session="s",
            outlet=255,
            limits=Limits(ml=_BIG, s=2**31 - 1, wh=_BIG, count=1, idle_s=86_400),
            expires_at_ms=_BIG,
        ),
    ),
    Example("stop", Stop(link=42, session=_SESSION)),
    Example(
        "show lines", Show(link=42, outlet=0, lines=["Balance 12.34", "余额 12.34 元", "", "Прощайте ½ €"])
    ),
    Example("show a QR", Show(link=42, outlet=0, qr="https://pay.example/o/7Q2M?x=1&y=%E6%B0%B4")),
    Example("show a balance below zero", Show(link=42, outlet=0, balance_minor=-40)),
    Example(
        "show a bill",
        Show(
            link=42,
            outlet=0,
            bill=Bill(session=_SESSION, currency="CNY", charge_minor=38, balance_minor=1_962),
        ),
    ),
    Example("clear the display", Show(link=42, outlet=0)),
    Example("configure", Configure(link=42, config=Config(readings_s=30))),
    Example("configure: somebody watches for ten minutes", Configure(link=42, watch_s=600)),
    Example(
        "update",
        Update(
            link=42,
            version="1.1.0",
            url="https://updates.example/agent-1.1.0.tar",
            sha256="0123456789abcdef" * 4,
        ),
    ),
    Example("ping", Ping(link=42)),
)

EXAMPLES: tuple[Example, ...] = (*_RECORDS, *_UP, *_DOWN)
"""All of them; their names are unique."""
