"""Bodies read strictly: each fault names its field and its reason."""

from __future__ import annotations

import pytest

from coinslot.web.api.bodies import StartBody
from coinslot.web.problems import Problem
from coinslot.web.request import decode


def test_a_body_is_decoded() -> None:
    body = decode(b'{"customer":"cus_1","terminal":"trm_1","outlet":3}', StartBody)
    assert body == StartBody(customer="cus_1", terminal="trm_1", outlet=3)


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        (b'{"terminal":"trm_1","outlet":3}', "customer", "is required"),
        (b'{"customer":"cus_1","outlet":3,"x":1}', "x", "is not known here"),
        (b'{"customer":"cus_1","outlet":-1}', "outlet", "Expected `int` >= 0"),
        (b'{"customer":7,"outlet":1}', "customer", "Expected `str`, got `int`"),
        (b"[]", "body", "Expected `object`, got `array`"),
    ],
)
def test_a_fault_names_its_field(text: bytes, field: str, reason: str) -> None:
    with pytest.raises(Problem) as refused:
        decode(text, StartBody)
    assert refused.value.details.status == 422
    assert [(one.field, one.reason) for one in refused.value.details.errors] == [(field, reason)]


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"\xff", b"[" * 100_000, b'{"x":' * 100_000])
def test_what_is_no_json_is_an_error_and_no_crash(text: bytes) -> None:
    with pytest.raises(Problem) as refused:
        decode(text, StartBody)
    assert refused.value.details.status in (400, 422)


def test_a_long_name_of_a_field_is_not_thrown_back_whole() -> None:
    with pytest.raises(Problem) as refused:
        decode(b'{"customer":"cus_1","outlet":1,"' + b"a" * 10_000 + b'":1}', StartBody)
    assert len(refused.value.details.detail) < 200
