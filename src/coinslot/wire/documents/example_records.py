"""Records whose exact bytes every implementation must read, and write alike."""

from __future__ import annotations

from coinslot.wire.records import (
    Burnt,
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

EPOCH = "epo_1hv3k8m2q4r6t8w0y2a4c6e8"
SESSION = "ses_1hv3k8m2q4r6t8w0y2a4c6e8"
OFFLINE_SESSION = "off_7k2m9q_13"
COMMAND = "cmd_1hv3k8m2q4r6t8w0y2a4c6e9"
LONG_ID = "x" * 40
BIG = MAX_COUNT
NOW_MS = 1_790_000_000_000


STARTED = Started(
    boot=7,
    ticks_ms=61_000,
    wall_ms=NOW_MS,
    session=SESSION,
    command=COMMAND,
    outlet=0,
    registers={Register.ML: 1_250_000},
)
STOPPED = Stopped(
    boot=7,
    ticks_ms=121_500,
    wall_ms=NOW_MS + 60_500,
    session=SESSION,
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
    session=SESSION,
    outlet=255,
    reason=StopReason.LIMIT,
    start={Register.ML: 0, Register.S: 0, Register.WH: 0, Register.COUNT: 0},
    registers={Register.ML: 1_000_000, Register.S: 14_400, Register.WH: 20_000, Register.COUNT: 100},
    curve=[CurvePoint(at_s=240 * point, value=16_666 * point) for point in range(1, 61)],
)
CHECKPOINT = Checkpoint(
    boot=7, ticks_ms=71_000, session=SESSION, outlet=0, registers={Register.ML: 1_251_400}
)

RECORD_EXAMPLES: tuple[tuple[str, Record], ...] = (
    ("started", STARTED),
    (
        "started, clock unknown, every register",
        Started(
            boot=0,
            ticks_ms=0,
            session=SESSION,
            command=COMMAND,
            outlet=3,
            registers={Register.ML: 0, Register.S: 0, Register.WH: 0, Register.COUNT: 0},
        ),
    ),
    (
        "started, biggest counts, longest ids",
        Started(
            boot=BIG,
            ticks_ms=BIG,
            wall_ms=BIG,
            session=LONG_ID,
            command=LONG_ID,
            outlet=255,
            registers={Register.ML: BIG, Register.COUNT: BIG},
        ),
    ),
    ("checkpoint", CHECKPOINT),
    ("checkpoint without a register", Checkpoint(boot=1, ticks_ms=9, session="s", outlet=1, registers={})),
    ("stopped by the stop key", STOPPED),
    ("stopped at a limit, 60 points", _FULL_CURVE),
    (
        "stopped by a power cut, nothing used, a negative measure",
        Stopped(
            boot=8,
            ticks_ms=40,
            session=SESSION,
            outlet=0,
            reason=StopReason.POWER_LOSS,
            start={Register.ML: 5},
            registers={Register.ML: 5},
            sensors={"air_decic": Summary(-(2**31), 2**31 - 1, -400, 0, -1)},
        ),
    ),
    *(
        (
            f"declined: {reason.value}",
            Declined(boot=7, ticks_ms=62_000, command=COMMAND, session=SESSION, outlet=0, reason=reason),
        )
        for reason in DeclineReason
    ),
    (
        "offline credit",
        OfflineCredit(boot=7, ticks_ms=5, session=SESSION, outlet=0, token_count=12, limits_minor=300),
    ),
    (
        "offline credit of nothing",
        OfflineCredit(boot=7, ticks_ms=5, session=SESSION, outlet=0, token_count=0, limits_minor=0),
    ),
    (
        "an offline code burnt unused, biggest counts",
        Burnt(boot=BIG, ticks_ms=BIG, wall_ms=BIG, session=LONG_ID, outlet=255, token_count=BIG),
    ),
    (
        "an offline code burnt unused",
        Burnt(boot=7, ticks_ms=5, session=OFFLINE_SESSION, outlet=0, token_count=13),
    ),
    *(
        (f"fault: {code.value}", Fault(boot=7, ticks_ms=5, outlet=0, code=code, active=True))
        for code in FaultCode
    ),
    (
        "fault over, in a session",
        Fault(
            boot=7,
            ticks_ms=6,
            wall_ms=0,
            outlet=1,
            code=FaultCode.LEAK,
            active=False,
            session=SESSION,
            registers={Register.ML: 9},
        ),
    ),
)
"""A name and the record it is for."""
