"""Every refusal has words, at the desk and over HTTP, and says what to do next."""

from __future__ import annotations

import pytest

from coinslot.app.operator_refusals import refusal_problem
from coinslot.settlement.requests import Refusal, Refused
from coinslot.web.api.refusals import WORDINGS


@pytest.mark.parametrize("reason", list(Refusal))
def test_every_refusal_says_what_to_do(reason: Refusal) -> None:
    problem = refusal_problem(Refused(reason=reason, needed_minor=1, balance_minor=2, arrears_minor=3), "CNY")
    assert problem.message
    assert problem.remedy
    assert WORDINGS[reason].detail
    assert 400 <= WORDINGS[reason].status < 600


def test_a_missing_real_name_leads_to_the_review() -> None:
    problem = refusal_problem(Refused(reason=Refusal.REAL_NAME), "CNY")
    assert "coinslot operator real-name list" in problem.remedy
    assert WORDINGS[Refusal.REAL_NAME].status == 403
