"""One example of each body and answer, so that the document shows what programs send and get.

They tell one story: Lin tops up, uses a dispenser at 20 fen a litre, and disputes the bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict, replace

from coinslot.payments.standing import Standing as PaymentStanding
from coinslot.payments.states import RefundState
from coinslot.people.real_names import RealName, RealNameState
from coinslot.sessions.states import State
from coinslot.tariffs import LineKind
from coinslot.web.api.bodies import (
    AnewBody,
    ApplianceList,
    ApplianceListed,
    ApplianceView,
    ClaimAnswer,
    ClaimBody,
    CodeAsked,
    CodeBody,
    CustomerView,
    LiveFigures,
    LoginAnswer,
    LoginBody,
    OutletView,
    PhoneBody,
    PointsView,
    RealNameBody,
    RegisterBody,
    ReportAnswer,
    ReportBody,
    SessionPage,
    StartBody,
    StillMineBody,
    TopUpAnswer,
    TopUpBody,
)
from coinslot.web.api.keypad_code_bodies import KEYPAD_CODE_EXAMPLES
from coinslot.web.api.payment_bodies import (
    PayableMerchant,
    PayBody,
    PaymentView,
    PayView,
    PlannedPart,
    TopUpChoice,
    TopUpChoices,
    WayBody,
    WithdrawalPart,
    WithdrawalPreview,
    WithdrawalView,
    WithdrawBody,
)
from coinslot.web.customer.appliances import Standing
from coinslot.web.customer.report import Complaint
from coinslot.web.reading import Balance
from coinslot.web.views import Bill, BillLine, ExactAmount, PriceLine, PriceTier, QuoteView, SessionView
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register

PROOF: Final = "Zk3v9wQ2pXr7sT1uY6bN8cM4dL0eK5fJ-hG_iAoEqRs"
AT: Final = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

_CUSTOMER: Final = CustomerId("cus_1ht59z3k7b2n5p8q1s4v6x9z")
_SESSION: Final = SessionId("ses_1ht5ah1x0c9qj9m6t2r4v8wz")
_TERMINAL: Final = TerminalId("trm_1ht59w1h5z9k3m6n8q2s4v7x")
_APPLIANCE: Final = ApplianceId("app_1ht59x2j6a1m4n7p9r3t5w8y")
_LOGIN_CODE: Final = "lgc_1ht5ah1x0c9qj9m6t2r4v8wz"
_PHONE: Final = "138 0013 8000"
_MERCHANT: Final = "mer_1ht59z3k7b2n5p8q1s4v6x9z"
_BALANCE: Final = Balance(
    customer_id=_CUSTOMER,
    currency="CNY",
    principal_minor=2000,
    bonus_minor=200,
    held_minor=0,
    arrears_minor=0,
)
_QUOTE: Final = QuoteView(
    tariff_id="tar_1ht59v0g4y8j2k5m7p1r3t6w",
    tariff_version=3,
    start_fee_minor=0,
    minimum_minor=0,
    maximum_minor=500,
    lines=[
        PriceLine(
            register=Register.ML,
            per=1000,
            free=0,
            whole_blocks_of=None,
            tiers=[PriceTier(up_to=None, minor=20, per=1000)],
        )
    ],
)
_RUNNING: Final = SessionView(
    id=_SESSION,
    state=State.AUTHORIZED,
    customer=_CUSTOMER,
    appliance=_APPLIANCE,
    terminal=_TERMINAL,
    outlet=0,
    currency="CNY",
    hold_minor=500,
    limits=Limits(ml=25_000, s=1800, wh=2**53 - 1, count=2**53 - 1, idle_s=60),
    quote=_QUOTE,
    bill=None,
    created_at=AT,
    started_at=None,
    stop_asked_at=None,
    stopped_at=None,
    settled_at=None,
    stop_reason=None,
    duration_ms=None,
)
_ENDED: Final = replace(
    _RUNNING,
    state=State.SETTLED,
    bill=Bill(
        charge_minor=93,
        captured_minor=93,
        released_minor=407,
        arrears_minor=0,
        usage={Register.ML: 4660},
        lines=[
            BillLine(kind=LineKind.USE, register=Register.ML, quantity=4660, amount=ExactAmount(466, 5)),
            BillLine(kind=LineKind.ROUNDING, register=None, quantity=0, amount=ExactAmount(-1, 5)),
        ],
    ),
    started_at=AT + timedelta(seconds=1),
    stopped_at=AT + timedelta(seconds=144),
    settled_at=AT + timedelta(seconds=145),
    stop_reason="key",
    duration_ms=143_000,
)
_LISTED: Final = ApplianceListed(
    code="7KQ2M4XR",
    id=_APPLIANCE,
    name="Dispenser 1",
    kind="dispenser",
    room="",
    site="North Hall",
    closed=False,
)
_OUTLET: Final = OutletView(
    terminal=_TERMINAL,
    outlet=0,
    name="Cold",
    state=Standing.FREE,
    session=None,
    hold_minor=500,
    minimum_start_minor=50,
    quote=_QUOTE,
)
_ALL: Final[tuple[Struct, ...]] = (
    RegisterBody(name="Lin", phone=_PHONE),
    PhoneBody(phone=_PHONE),
    CustomerView(
        id=_CUSTOMER, name="Lin", phone="+86138****8000", blocked=False, real_name=None, created_at=AT
    ),
    _BALANCE,
    PointsView(points=23),
    TopUpBody(amount_minor=2000, bonus_minor=200),
    TopUpAnswer(repaid_minor=0, balance=_BALANCE),
    TopUpChoices(
        currency="CNY",
        choices=[
            TopUpChoice(amount_minor=5000, bonus_minor=500),
            TopUpChoice(amount_minor=10000, bonus_minor=1500),
        ],
        least_minor=100,
        most_minor=100_000,
        own_amounts=True,
        bonus_pause_days=30,
        merchants=[PayableMerchant(merchant=_MERCHANT, provider="wechat", name="North Campus")],
    ),
    PayBody(amount_minor=5000, merchant=_MERCHANT, channel="qr"),
    WayBody(
        merchant=_MERCHANT,
        channel="browser",
        return_url="https://app.example.org/paid",
        address="203.0.113.7",
    ),
    PaymentView(
        id="pay_1ht5ah1x0c9qj9m6t2r4v8wz",
        state=PaymentStanding.WAITING,
        customer=_CUSTOMER,
        currency="CNY",
        amount_minor=5000,
        bonus_minor=500,
        merchant=_MERCHANT,
        provider="wechat",
        channel="qr",
        pay=PayView(qr="weixin://wxpay/bizpayurl?pr=p4lpSuKzz", url="", in_app={}),
        error="",
        returned_minor=0,
        opened_at=AT,
        expires_at=AT + timedelta(minutes=30),
        paid_at=None,
    ),
    WithdrawBody(amount_minor=2000),
    WithdrawalPreview(
        currency="CNY",
        free_minor=2000,
        amount_minor=2000,
        parts=[PlannedPart(amount_minor=1500, provider="wechat", paid_at=AT)],
        by_hand_minor=500,
        bonus_minor=200,
        bonus_back_minor=150,
    ),
    WithdrawalView(
        id="wdr_1ht5ah1x0c9qj9m6t2r4v8wz",
        customer=_CUSTOMER,
        currency="CNY",
        amount_minor=2000,
        paid_minor=0,
        back_minor=0,
        by_hand_minor=500,
        by_hand_paid=False,
        parts=[
            WithdrawalPart(
                amount_minor=1500,
                provider="wechat",
                state=RefundState.REQUESTED,
                paid_at=AT,
                ended_at=None,
            )
        ],
        asked_at=AT,
        ended_at=None,
    ),
    RealNameBody(name="张三", id_number="11010519491231002X", picture=b"\xff\xd8\xff\xe0"),
    RealName(
        real_name_id="rnm_1ht5a7c2e6g9j3m5p8r1t4v7",
        state=RealNameState.PENDING,
        submitted_at=AT,
        decided_at=None,
        reason="",
    ),
    CodeBody(phone=_PHONE, address="203.0.113.7"),
    CodeAsked(
        login_code=_LOGIN_CODE,
        sent=True,
        expires_at=AT + timedelta(minutes=5),
        again_at=AT + timedelta(minutes=1),
    ),
    LoginBody(login_code=_LOGIN_CODE, phone=_PHONE, code="042137"),
    StillMineBody(proof=PROOF, id_tail="002X"),
    AnewBody(proof=PROOF),
    LoginAnswer(customer=_CUSTOMER, new=True),
    StartBody(customer=_CUSTOMER, appliance="7KQ2M4XR", outlet=0),
    _ENDED,
    SessionPage(sessions=[_ENDED], next=None),
    ApplianceList(appliances=[_LISTED], next=None),
    ApplianceView(
        **asdict(_LISTED), url="https://pay.example.org/m/7KQ2M4XR.0a1b2c3d4e5f", outlets=[_OUTLET]
    ),
    LiveFigures(
        session=_SESSION,
        state=State.RUNNING,
        currency="CNY",
        usage={Register.ML: 2330},
        charge_minor=47,
        hold_minor=500,
        duration_ms=71_000,
        flow_ml_per_min=1950,
        valve_open=True,
        sensors={"water_decic": 182},
        online=True,
        at=AT + timedelta(seconds=72),
    ),
    ReportBody(kind=Complaint.QUALITY, words="It stayed cold."),
    ReportAnswer(new=True),
    *KEYPAD_CODE_EXAMPLES,
    ClaimBody(code="7K2M-0QX9-B4ZC"),
    ClaimAnswer(
        terminal_id=_TERMINAL,
        secret="gSxDn0q7Vw2Yb5Zc8Ae1Bf4Ch6Dj9Ek3Fm0Gn2Hp5Jr",
        mqtt_host="pay.example.org",
        mqtt_port=8883,
        tls=True,
        operator_id=OperatorId("op_1ht59w1h5z9k3m6n8q2s4v7x"),
        update_keys=("3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",),
    ),
)
EXAMPLES: Final[Mapping[type[Struct], Struct]] = {type(one): one for one in _ALL}
STARTED: Final = _RUNNING
"""What a start answers."""
