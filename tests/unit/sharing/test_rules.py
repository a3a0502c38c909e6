"""What may be typed as a share, and what an agreement may hold."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.fields import FieldError
from coinslot.sharing import WHOLE_PPM, Part, PartyId, Target
from coinslot.sharing.rules import (
    check_days,
    check_parts,
    check_party_kind,
    check_target,
    format_share,
    parse_share,
)
from coinslot.wire.ids import ApplianceId, SiteId


@given(share_ppm=st.integers(0, WHOLE_PPM))
def test_a_share_reads_back(share_ppm: int) -> None:
    assert parse_share(format_share(share_ppm)) == share_ppm


@pytest.mark.parametrize(
    "text",
    ["", "-1", "100.0001", "101", "1e2", "NaN", "0.00001", "3.3.3", "三十", "٣٠", ".", " ", "%", "1" * 40],
)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(FieldError) as refused:
        parse_share(text)
    assert refused.value.field == "share"


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Part(PartyId("a"), 600_000), Part(PartyId("b"), 400_001)],
        [Part(PartyId("a"), 1), Part(PartyId("a"), 1)],
        [Part(PartyId("a"), 0)],
        [Part(PartyId("a"), -1)],
        [Part(PartyId("a"), 1, -1)],
        [Part(PartyId("a"), 1, 2**63)],
        [Part(PartyId(f"p{n}"), 1) for n in range(21)],
    ],
)
def test_parts_that_cannot_be_kept_are_refused(parts: list[Part]) -> None:
    with pytest.raises(FieldError):
        check_parts(parts)


def test_other_refusals() -> None:
    with pytest.raises(FieldError, match="kind"):
        check_party_kind("king")
    with pytest.raises(FieldError, match="before the first day"):
        check_days(date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(FieldError, match="appliance"):
        check_target(Target(site=SiteId("s"), appliance=ApplianceId("a")))
