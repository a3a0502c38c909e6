"""docs/webhooks.md: its program accepts what we send, and its examples have the fields that we send."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from coinslot.settlement.webhooks.events import Message, PaymentReceived, RefundDone, SessionSettled
from coinslot.webhooks.signing import headers, secret
from tests.unit.webhooks.test_signing import BODY, ENDPOINT, KEYRING

TEXT = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


@pytest.fixture(scope="module")
def verify() -> Callable[[str, dict[str, str], bytes], str]:
    names: dict[str, Callable[[str, dict[str, str], bytes], str]] = {}
    [program] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(program, names)
    return names["verify"]


def test_the_documented_program_accepts_what_is_sent_and_nothing_else(
    verify: Callable[[str, dict[str, str], bytes], str],
) -> None:
    now = datetime.now(UTC)
    sent = headers(KEYRING, ENDPOINT, "evt_1", BODY, now)
    mine = secret(KEYRING, ENDPOINT)
    assert verify(mine, sent, BODY) == "evt_1"
    with pytest.raises(ValueError, match="no signature"):
        verify(mine, sent, BODY.replace(b"settled", b"charged"))
    for skew in (timedelta(minutes=-6), timedelta(minutes=6)):
        with pytest.raises(ValueError, match="too old"):
            verify(mine, headers(KEYRING, ENDPOINT, "evt_1", BODY, now + skew), BODY)
    # A later try of the same message is signed anew.
    assert (
        verify(mine, headers(KEYRING, ENDPOINT, "evt_1", BODY, now + timedelta(minutes=4)), BODY) == "evt_1"
    )


@pytest.mark.parametrize(
    ("number", "kind"),
    [(1, SessionSettled), (2, PaymentReceived), (3, RefundDone)],
    ids=["session", "payment", "refund"],
)
def test_the_examples_have_every_field_and_no_other(number: int, kind: type[msgspec.Struct]) -> None:
    example = EXAMPLES[number]
    read = msgspec.convert(example, kind)
    assert set(example) == {field.name for field in msgspec.structs.fields(kind)}
    assert set(msgspec.to_builtins(read)) == set(example)


def test_the_frame_has_every_field_and_no_other() -> None:
    assert set(EXAMPLES[0]) == {field.name for field in msgspec.structs.fields(Message)}
