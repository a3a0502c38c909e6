"""What an operator may get wrong with Alipay, found before the first customer does."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from msgspec.structs import replace

from coinslot.providers.alipay import AlipaySettings, check, read_keys
from coinslot.providers.findings import WrongSettings
from tests.support.alipay import account, settings, stranger

GOOD = settings(account(), "https://openapi.alipay.com/gateway.do")


def bare(pem: str) -> str:
    """As the provider's key tool shows it: base64 in one line."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def wrong(made: AlipaySettings) -> list[tuple[str, str]]:
    """What is found, and no key in it; each with a remedy."""
    findings = check(made)
    text = "".join(map(str, findings)) + repr(made)
    assert bare(account().private_pem())[40:60] not in text
    assert all(finding.remedy for finding in findings)
    return [(finding.setting, finding.wrong) for finding in findings]


def test_good_settings_have_no_findings_in_whatever_form_the_keys_are(tmp_path: Path) -> None:
    made = account()
    file = tmp_path / "alipay.key"
    file.write_text(bare(made.private_pkcs8_pem()))
    forms = [
        *(made.private_pem(), made.private_pkcs8_pem(), bare(made.private_pem())),
        *(bare(made.private_pkcs8_pem()), made.private_pem().replace("\n", "\\n"), str(file)),
    ]
    read = {read_keys(replace(GOOD, private_key=form)).private_pem for form in forms}
    assert len(read) == 1
    assert wrong(GOOD) == []
    public = {
        read_keys(replace(GOOD, public_key=form)).public_pems
        for form in (made.public_pem(), bare(made.public_pem()))
    }
    assert len(public) == 1


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"app_id": ""}, ("app_id", "is not the 16 digits of an app")),
        ({"app_id": "2088621955702181"}, ("app_id", "is not the 16 digits of an app")),
        ({"seller_id": "2021000118618236"}, ("seller_id", "is not the 16 digits of an account, 2088 first")),
        ({"private_key": ""}, ("private_key", "cannot be read")),
        ({"private_key": "no/such/file.pem"}, ("private_key", "cannot be read")),
        ({"private_key": "x" * 2000}, ("private_key", "cannot be read")),
        ({"private_key": GOOD.public_key}, ("private_key", "is no private key")),
        ({"private_key": "-----BEGIN RSA"}, ("private_key", "is not a private key in PEM or base64")),
        ({"public_key": ""}, ("public_key", "cannot be read")),
        ({"public_key": account().app_public_pem()}, ("public_key", "is the app's own public key")),
        ({"public_key": GOOD.private_key}, ("public_key", "is a private key")),
        ({"public_key": bare(GOOD.private_key)}, ("public_key", "is not a public key in PEM or base64")),
        (
            {"public_key": "-----BEGIN CERTIFICATE-----"},
            ("public_key", "is a certificate: this app is set to certificates, and keys are needed"),
        ),
        (
            {"earlier_public_keys": (account().app_public_pem(),)},
            ("earlier_public_keys", "is the app's own public key"),
        ),
        ({"qr_product": "QR"}, ("qr_product", "is none that Alipay has")),
        ({"gateway": "http://openapi.alipay.com/gateway.do"}, ("gateway", "is not an https address")),
        ({"gateway": "openapi.alipay.com"}, ("gateway", "is not an https address")),
        ({"gateway": "https://openapi.alipay.com"}, ("gateway", "is not a bare address with a path")),
        ({"gateway": "https://a.b/gateway.do?x=1"}, ("gateway", "is not a bare address with a path")),
    ],
)
def test_each_mistake_is_named_with_what_to_do(changed: dict[str, object], found: tuple[str, str]) -> None:
    made = replace(GOOD, **changed)
    assert wrong(made) == [found]
    with pytest.raises(WrongSettings, match=f"`{found[0]}`"):
        read_keys(made)


def test_keys_of_other_kinds_are_named() -> None:
    locked = account().private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    curve = ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    short = generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    assert wrong(replace(GOOD, private_key=locked.decode())) == [
        ("private_key", "is protected by a password")
    ]
    for key in (curve, short):
        assert wrong(replace(GOOD, private_key=key.decode())) == [("private_key", "is not RSA of 2048 bits")]


def test_a_sandbox_on_this_machine_may_have_a_port_and_no_certificate() -> None:
    made = replace(GOOD, gateway="http://127.0.0.1:8123/gateway.do")
    assert wrong(made) == []
    assert read_keys(made).is_sandbox
    assert not read_keys(GOOD).is_sandbox


def test_somebody_elses_keys_are_not_found_by_looking() -> None:
    assert wrong(replace(GOOD, public_key=stranger().public_pem())) == []
