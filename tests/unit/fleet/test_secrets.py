"""Secrets are long, typed codes forgive misreadings, and nothing prints a secret by accident."""

from __future__ import annotations

import pytest

from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.provisioning import Claimed
from coinslot.fleet.secrets import (
    API_KEY_PREFIX,
    hash_secret,
    new_api_key,
    new_claim_code,
    new_secret,
    normal_claim_code,
    secret_matches,
)
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId, TerminalId


def test_secrets_are_long_and_differ() -> None:
    made = {new_secret() for _ in range(200)} | {new_api_key() for _ in range(200)}
    assert len(made) == 400
    assert min(len(secret.removeprefix(API_KEY_PREFIX)) for secret in made) == 43


def test_a_secret_matches_its_own_hash_only() -> None:
    secret = new_secret()
    assert secret_matches(secret, hash_secret(secret))
    for other in ("", secret[:-1], secret + "x", secret.swapcase(), "\0", "\ud800"):
        assert not secret_matches(other, hash_secret(secret))


def test_a_new_claim_code_is_three_groups_of_four() -> None:
    code = new_claim_code()
    assert [len(group) for group in code.split("-")] == [4, 4, 4]
    assert normal_claim_code(code) == code.replace("-", "")


@pytest.mark.parametrize("typed", ["7k2m0qx9b4z1", " 7K2M 0QX9 B4Z1 ", "7K2M-OQX9-B4ZL", "7k2m-oqx9-b4zi"])
def test_a_claim_code_is_read_as_people_type_it(typed: str) -> None:
    assert normal_claim_code(typed) == "7K2M0QX9B4Z1"


@pytest.mark.parametrize(
    "typed", ["", "7K2M", "7K2M-0QX9-B4Z1-0", "7K2M-0QX9-B4ZU", "7K2M-0QX9-B4Z\0", "é" * 12, "x" * 10**6]
)
def test_anything_else_is_no_claim_code(typed: str) -> None:
    assert normal_claim_code(typed) is None


def test_no_secret_is_shown_when_printed() -> None:
    claimed = Claimed(TerminalId("trm_1"), "hush", OperatorId("opr_1"))
    made = TerminalCredentials(
        operator_id=OperatorId("opr_1"),
        site_id=SiteId("sit_1"),
        appliance_id=ApplianceId("app_1"),
        appliance_code="CODE",
        terminal_id=TerminalId("trm_1"),
        secret="hush",
        outlets=(0,),
    )
    for shown in (repr(claimed), str(claimed), repr(made), f"{[made]}"):
        assert "trm_1" in shown
        assert "hush" not in shown
