"""What may be topped up and what it earns: no rule that an operator cannot mean is taken, and no bonus is invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coinslot.fields import FieldError
from coinslot.fleet.topup_rules import (
    AmountFault,
    AmountRefused,
    Choice,
    TopupRules,
    checked,
    format_choice,
    parse_choice,
    usual_rules,
)

CNY = usual_rules("CNY")
GIVING = replace(CNY, choices=(Choice(20_00), Choice(50_00, 5_00), Choice(100_00, 15_00)))


@pytest.mark.parametrize(
    ("amount_minor", "bonus_minor"),
    [(1_00, 0), (49_99, 0), (50_00, 5_00), (99_99, 5_00), (100_00, 15_00), (1000_00, 15_00)],
)
def test_an_amount_earns_as_much_as_the_largest_choice_that_it_reaches(
    amount_minor: int, bonus_minor: int
) -> None:
    assert GIVING.bonus_of(amount_minor) == bonus_minor


@given(
    st.lists(st.tuples(st.integers(1_00, 1000_00), st.integers(0, 500)), min_size=1, max_size=6), st.data()
)
def test_more_never_earns_less(made: list[tuple[int, int]], data: st.DataObject) -> None:
    amounts = sorted({amount for amount, _ in made})
    bonuses = sorted(min(bonus, amounts[0]) for _, bonus in made)[: len(amounts)]
    rules = checked(replace(CNY, choices=tuple(map(Choice, amounts, bonuses))), "CNY")
    less, more = sorted(data.draw(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9))))
    assert 0 <= rules.bonus_of(less) <= rules.bonus_of(more)


@pytest.mark.parametrize(
    ("amount_minor", "own", "fault"),
    [
        (99, True, AmountFault.TOO_LITTLE),
        (-5, True, AmountFault.TOO_LITTLE),
        (1000_01, True, AmountFault.TOO_MUCH),
        (2**63, True, AmountFault.TOO_MUCH),
        (49_00, False, AmountFault.NOT_OFFERED),
    ],
)
def test_other_amounts_are_refused(amount_minor: int, own: bool, fault: AmountFault) -> None:
    with pytest.raises(AmountRefused) as refused:
        replace(GIVING, own_amounts=own).check_amount(amount_minor)
    assert refused.value.fault is fault


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"choices": ()}, "1 to 12"),
        ({"choices": tuple(Choice(100 * n) for n in range(1, 14))}, "1 to 12"),
        ({"choices": (Choice(50_00), Choice(50_00, 5_00))}, "named twice"),
        ({"choices": (Choice(50_00, 5_00), Choice(100_00))}, "earn less"),
        ({"choices": (Choice(50_00, -1),)}, "cannot earn"),
        ({"choices": (Choice(50_00, 50_01),)}, "cannot earn"),
        ({"choices": (Choice(0),)}, "not within"),
        ({"choices": (Choice(2000_00),)}, "not within"),
        ({"least_minor": 0}, "above zero"),
        ({"least_minor": 2000_00}, "above the most"),
        ({"most_minor": 10**9 + 1}, "at most"),
        ({"bonus_pause_days": -1}, "0 to 366"),
        ({"bonus_pause_days": 367}, "0 to 366"),
    ],
)
def test_what_nobody_can_mean_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        checked(replace(CNY, **changes), "CNY")


def test_choices_are_put_in_order_and_written_as_they_are_read() -> None:
    rules: TopupRules = checked(replace(CNY, choices=(Choice(100_00, 15_00), Choice(20_00))), "CNY")
    assert rules.choices == (Choice(20_00), Choice(100_00, 15_00))
    assert [format_choice(choice, "CNY") for choice in rules.choices] == ["20.00", "100.00+15.00"]
    assert parse_choice(" 100 + 15 ", "CNY") == Choice(100_00, 15_00)
    assert parse_choice("5000", "JPY") == Choice(5000)


@pytest.mark.parametrize(
    "text", ["", "+5", "50+", "50+5+5", "50-5", "50.001", "-50", "1e2", "fifty", "50+-5"]
)
def test_what_is_no_choice_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="such as 50"):
        parse_choice(text, "CNY")


@pytest.mark.parametrize("currency", ["CNY", "JPY", "BHD", "EUR"])
def test_the_usual_rules_hold_in_every_currency(currency: str) -> None:
    assert checked(usual_rules(currency), currency) == usual_rules(currency)


def test_another_promise_has_another_seal() -> None:
    seals = {
        CNY.seal,
        GIVING.seal,
        replace(CNY, own_amounts=False).seal,
        replace(CNY, least_minor=2_00).seal,
        replace(CNY, bonus_pause_days=0).seal,
    }
    assert len(seals) == 5
