"""Signatures, checked by the specification's own steps and not by ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from coinslot.keyring import Keyring
from coinslot.webhooks.model import CHOOSABLE, Endpoint
from coinslot.webhooks.signing import headers, secret
from coinslot.wire.ids import OperatorId

KEYRING = Keyring("a secret for tests alone, 32 letters")
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BODY = '{"type":"session.settled","name":"烘干机"}'.encode()
ENDPOINT = Endpoint(
    operator_id=OperatorId("opr_1"),
    endpoint_id="end_1",
    name="Front office",
    url="https://hotel.example/coinslot",
    site_id=None,
    kinds=CHOOSABLE,
    generation=1,
    rotated_at=None,
    off_since=None,
    off_why="",
    created_at=NOW,
)


def accepts(written_down: str, sent: dict[str, str], body: bytes) -> bool:
    """What a receiver does, with nothing but the secret as it was written down."""
    key = base64.b64decode(written_down.removeprefix("whsec_"), validate=True)
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [each.split(",", 1) for each in sent["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(text, right) for version, text in given)


def test_a_receiver_with_the_secret_accepts_the_message_and_no_other() -> None:
    sent = headers(KEYRING, ENDPOINT, "evt_1", BODY, NOW)
    mine = secret(KEYRING, ENDPOINT)
    assert mine.startswith("whsec_")
    assert len(base64.b64decode(mine.removeprefix("whsec_"))) == 32
    assert accepts(mine, sent, BODY)
    assert not accepts(mine, sent, BODY + b" ")
    assert not accepts(mine, {**sent, "webhook-id": "evt_2"}, BODY)
    assert not accepts(mine, {**sent, "webhook-timestamp": str(int(NOW.timestamp()) + 1)}, BODY)
    assert sent["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_no_two_endpoints_and_no_two_operators_have_one_secret() -> None:
    others = [
        replace(ENDPOINT, endpoint_id="end_2"),
        replace(ENDPOINT, operator_id=OperatorId("opr_2")),
        replace(ENDPOINT, generation=2),
        replace(ENDPOINT, operator_id=OperatorId("opr_1end_"), endpoint_id="1"),
    ]
    assert len({secret(KEYRING, each) for each in (ENDPOINT, *others)}) == 5


def test_for_a_day_after_a_rotation_both_secrets_are_right_and_then_the_new_one_alone() -> None:
    rotated = replace(ENDPOINT, generation=2, rotated_at=NOW)
    old, new = secret(KEYRING, ENDPOINT), secret(KEYRING, rotated)
    nearly = headers(KEYRING, rotated, "evt_1", BODY, NOW + timedelta(hours=23, minutes=59))
    assert accepts(old, nearly, BODY)
    assert accepts(new, nearly, BODY)
    after = headers(KEYRING, rotated, "evt_1", BODY, NOW + timedelta(days=1))
    assert not accepts(old, after, BODY)
    assert accepts(new, after, BODY)


def test_two_rotations_in_an_hour_leave_the_first_secret_behind() -> None:
    twice = replace(ENDPOINT, generation=3, rotated_at=NOW)
    assert not accepts(secret(KEYRING, ENDPOINT), headers(KEYRING, twice, "evt_1", BODY, NOW), BODY)


def test_a_new_secret_of_the_installation_leaves_receivers_with_what_they_have() -> None:
    written_down = secret(KEYRING, ENDPOINT)
    renewed = Keyring("another secret of the installation", ("a secret for tests alone, 32 letters",))
    sent = headers(renewed, ENDPOINT, "evt_1", BODY, NOW)
    assert accepts(written_down, sent, BODY)
    assert accepts(secret(renewed, ENDPOINT), sent, BODY)
    forgotten = Keyring("another secret of the installation")
    assert not accepts(written_down, headers(forgotten, ENDPOINT, "evt_1", BODY, NOW), BODY)
