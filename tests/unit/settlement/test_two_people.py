"""Who may give money back alone, and who may agree: tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from coinslot.people.rules import Role
from coinslot.settlement.payments.errors import Barred
from coinslot.settlement.payments.refund_requests import Reason, RefundRequest, RequestState, Way, What
from coinslot.settlement.payments.two_people import (
    Allowance,
    Person,
    bar_to_asking,
    bar_to_deciding,
    may_alone,
)
from coinslot.wire.ids import OperatorId, StaffId

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Person(staff_id=StaffId("stf_anna"), role=Role.MANAGER, disabled_at=None)
BERT = Person(staff_id=StaffId("stf_bert"), role=Role.OWNER, disabled_at=None)
ALLOWANCE = Allowance(currency="CNY", refund_alone_minor=50_00, spent_minor=0, changed_it=False)
REQUEST = RefundRequest(
    operator_id=OperatorId("opr_1"),
    request_id="rfr_1",
    what=What.SESSION,
    target="ses_1",
    way=Way.WALLET,
    beneficiary=None,
    currency="CNY",
    amount_minor=60_00,
    reason=Reason.NO_SERVICE,
    words="cold",
    asked_by=ANNA.staff_id,
    asked_by_name="Anna",
    asked_at=NOW,
    expires_at=NOW,
    state=RequestState.OPEN,
    alone=False,
    decided_by=None,
    decided_by_name=None,
    decided_at=None,
    decision_words="",
    outcome=None,
)


@pytest.mark.parametrize(
    ("allowance", "currency", "amount_minor", "alone"),
    [
        (ALLOWANCE, "CNY", 50_00, True),
        (ALLOWANCE, "CNY", 50_01, False),
        (ALLOWANCE, "EUR", 1, False),
        (replace(ALLOWANCE, spent_minor=49_99), "CNY", 1, True),
        (replace(ALLOWANCE, spent_minor=49_99), "CNY", 2, False),
        (replace(ALLOWANCE, spent_minor=90_00), "CNY", 1, False),
        (replace(ALLOWANCE, refund_alone_minor=0), "CNY", 1, False),
        (replace(ALLOWANCE, changed_it=True), "CNY", 1, False),
    ],
)
def test_alone_up_to_the_limit_of_a_day(
    allowance: Allowance, currency: str, amount_minor: int, alone: bool
) -> None:
    assert may_alone(ANNA, allowance, currency, amount_minor) is alone


@pytest.mark.parametrize("role", list(Role))
def test_roles(role: Role) -> None:
    person = replace(BERT, role=role)
    decides = role in (Role.OWNER, Role.MANAGER)
    assert may_alone(person, ALLOWANCE, "CNY", 1) is decides
    assert (bar_to_deciding(person, REQUEST, made_by_asker=False) is None) is decides
    assert (bar_to_asking(person) is None) is (decides or role is Role.DESK)
    assert bar_to_asking(replace(person, disabled_at=NOW)) is Barred.DISABLED


@pytest.mark.parametrize(
    ("person", "state", "made", "barred"),
    [
        (BERT, RequestState.OPEN, False, None),
        (BERT, RequestState.OPEN, True, Barred.MADE_BY_ASKER),
        (ANNA, RequestState.OPEN, False, Barred.OWN),
        (replace(BERT, disabled_at=NOW), RequestState.OPEN, False, Barred.DISABLED),
        (BERT, RequestState.DONE, False, Barred.DECIDED),
        (BERT, RequestState.DECLINED, False, Barred.DECIDED),
        (BERT, RequestState.EXPIRED, False, Barred.EXPIRED),
    ],
)
def test_a_second_person(person: Person, state: RequestState, made: bool, barred: Barred | None) -> None:
    assert bar_to_deciding(person, replace(REQUEST, state=state), made_by_asker=made) is barred
