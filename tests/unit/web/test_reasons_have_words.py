"""Whatever can be wrong with a real name has a translation of its own on the customer's page."""

from __future__ import annotations

from coinslot.people import id_number, pictures, real_name_rules
from coinslot.web.customer.words import REASONS


def test_every_reason_has_words_for_customers() -> None:
    said = (*id_number.REASONS, *pictures.REASONS, *real_name_rules.REASONS)
    assert [reason for reason in said if reason not in REASONS] == []
