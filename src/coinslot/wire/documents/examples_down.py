"""What the server says, likewise."""

from __future__ import annotations

from msgspec import Raw

from coinslot.wire.documents.example import Example
from coinslot.wire.documents.example_records import (
    BIG,
    COMMAND,
    EPOCH,
    LONG_ID,
    NOW_MS,
    OFFLINE_SESSION,
    SESSION,
)
from coinslot.wire.messages import (
    Ack,
    Bill,
    Burn,
    Config,
    Configure,
    DisplayLanguage,
    Limits,
    Menu,
    Note,
    Offline,
    PackageOffered,
    Ping,
    Show,
    Start,
    Stop,
    Update,
    UpdateKind,
    Welcome,
)

_ALL_LIMITS = Limits(ml=111_111, s=14_400, wh=20_000, count=100, idle_s=150)

DOWN_EXAMPLES = (
    Example("welcome", Welcome(link=42, now_ms=NOW_MS, epoch=EPOCH, acked=1_000)),
    Example(
        "welcome that asks for a new epoch, with settings",
        Welcome(
            link=42,
            now_ms=NOW_MS,
            epoch=EPOCH,
            acked=0,
            new_epoch=True,
            config=Config(checkpoint_s=5, readings_s=20, idle_readings_s=3_600, watch_readings_s=2),
        ),
    ),
    Example("ack", Ack(link=42, epoch=EPOCH, seq=1_003)),
    Example("ack of nothing yet, wants the first", Ack(link=42, epoch=EPOCH, seq=0, want=1)),
    Example(
        "start without a quote",
        Start(link=42, command=COMMAND, session=SESSION, outlet=0, limits=_ALL_LIMITS, expires_at_ms=31_000),
    ),
    Example(
        "start with a quote",
        Start(
            link=42,
            command=COMMAND,
            session=SESSION,
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
            limits=Limits(ml=BIG, s=2**31 - 1, wh=BIG, count=1, idle_s=86_400),
            expires_at_ms=BIG,
        ),
    ),
    Example(
        "start that may be paused, in the customer's language, with the balance",
        Start(
            link=42,
            command=COMMAND,
            session=SESSION,
            outlet=1,
            limits=Limits(ml=111_111, s=14_400, wh=20_000, count=100, idle_s=150, pause_s=300),
            expires_at_ms=31_000,
            language=DisplayLanguage.EN,
            balance_minor=1_500,
        ),
    ),
    Example(
        "start of a session that an offline code was given out for",
        Start(
            link=42,
            command=COMMAND,
            session=OFFLINE_SESSION,
            outlet=0,
            limits=_ALL_LIMITS,
            expires_at_ms=31_000,
            token=13,
        ),
    ),
    Example("stop", Stop(link=42, session=SESSION)),
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
            bill=Bill(session=SESSION, currency="CNY", charge_minor=38, balance_minor=1_962),
        ),
    ),
    Example(
        "show the code of a wish",
        Show(
            link=42,
            outlet=0,
            qr="weixin://wxpay/bizpayurl?pr=p4lpSuKzz",
            request="r2",
            amount_minor=500,
            currency="CNY",
            life_s=300,
        ),
    ),
    *(
        Example(f"what became of a wish: {note.value}", Show(link=42, outlet=0, request="r2", note=note))
        for note in Note
    ),
    Example(
        "show the bill of a direct payment, with what goes back and a code to read it",
        Show(
            link=42,
            outlet=0,
            qr="https://coinslot.example/b/3f9c",
            request="r2",
            bill=Bill(session=SESSION, currency="CNY", charge_minor=320, balance_minor=0, refund_minor=180),
        ),
    ),
    Example(
        "a code for another appliance",
        Show(
            link=42,
            outlet=0,
            request="r1",
            note=Note.OTHER_OUTLET,
            lines=["Shower 3"],
            language=DisplayLanguage.EN,
        ),
    ),
    Example("clear the display", Show(link=42, outlet=0)),
    Example(
        "menu",
        Menu(
            link=42,
            outlet=0,
            currency="CNY",
            packages=[
                PackageOffered(package="30min", title="30 分钟 · 30 min", price_minor=500),
                PackageOffered(package="by-use", title="按电量 · by use", price_minor=2_000, by_use=True),
            ],
            providers=["wechat", "alipay"],
        ),
    ),
    Example(
        "menu, eight packages, six providers",
        Menu(
            link=BIG,
            outlet=255,
            currency="CNY",
            packages=[
                PackageOffered(package=f"{number}" * 40, title="包" * 64, price_minor=BIG, by_use=True)
                for number in range(8)
            ],
            providers=[f"provider_{number}" for number in range(6)],
        ),
    ),
    Example("menu, nothing to buy", Menu(link=42, outlet=0)),
    Example("configure", Configure(link=42, config=Config(readings_s=30))),
    Example("configure: somebody watches for ten minutes", Configure(link=42, watch_s=600)),
    Example(
        "update",
        Update(
            link=42,
            version="1.1.0",
            url="https://updates.example/agent-1.1.0.tar",
            sha256="0123456789abcdef" * 4,
            serial=7,
            size=1_234_567,
            signature="0123456789abcdef" * 8,
        ),
    ),
    Example(
        "update of the configuration",
        Update(
            link=42,
            version="2026-11-22",
            url="https://updates.example/shower.toml",
            sha256="0123456789abcdef" * 4,
            kind=UpdateKind.CONFIG,
            serial=BIG,
            size=1,
            signature="f" * 128,
        ),
    ),
    Example(
        "offline terms",
        Offline(
            link=42,
            outlet=0,
            terms="7k2m9q",
            key="bc41ec9530f6dac86b1a29ab82edc5fb",
            starting_code=516_959_010,
            value=5,
            count=12,
            credit_minor=500,
            currency="CNY",
            limits=_ALL_LIMITS,
            quote=Raw(b'{"tariff_id":"trf_1","version":3,"currency":"CNY","hold_minor":500}'),
        ),
    ),
    Example("no offline codes any more", Offline(link=42, outlet=0, terms="none")),
    Example("burn an offline code, longest", Burn(link=BIG, outlet=255, session=LONG_ID, token=BIG)),
    Example("burn an offline code", Burn(link=42, outlet=0, session=OFFLINE_SESSION, token=13)),
    Example("ping", Ping(link=42)),
)
