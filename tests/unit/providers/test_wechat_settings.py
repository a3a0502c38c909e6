"""What is wrong with WeChat Pay's settings is said before the first customer finds out."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from msgspec import structs

from coinslot.providers.findings import WrongSettings
from coinslot.providers.wechat import Finding, WechatSettings, check, read_keys
from tests.support.wechat import account, settings_of

RIGHT = settings_of(account())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    """As a file would hold it."""
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


def numbers(settings: WechatSettings) -> rsa.RSAPrivateNumbers:
    """What makes the merchant's key."""
    return read_keys(settings).private.private_numbers()


def only(settings: WechatSettings) -> Finding:
    """The one thing that is wrong; nothing secret is in what is said."""
    [finding] = check(settings)
    said = str(finding)
    assert "BEGIN" not in said
    assert RIGHT.apiv3_key not in said
    assert finding.remedy
    return finding


def test_right_settings_are_found_right() -> None:
    assert check(RIGHT) == []
    assert read_keys(RIGHT).serial == account().serial


def test_keys_may_be_files_or_lines_written_in_one(tmp_path: Path) -> None:
    (tmp_path / "apiclient_key.pem").write_text(RIGHT.private_key)
    filed = structs.replace(RIGHT, private_key=str(tmp_path / "apiclient_key.pem"))
    in_one = structs.replace(RIGHT, private_key=RIGHT.private_key.replace("\n", "\\n"))
    assert numbers(filed) == numbers(in_one) == numbers(RIGHT)


def test_the_serial_number_is_taken_from_the_certificate() -> None:
    assert read_keys(structs.replace(RIGHT, serial="")).serial == RIGHT.serial


def test_a_key_of_the_older_form_is_taken_as_well() -> None:
    old = account().private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert numbers(structs.replace(RIGHT, private_key=old.decode())) == numbers(RIGHT)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("", "cannot be read"),
        ("no/such/file.pem", "cannot be read"),
        (RIGHT.private_key[:60] + RIGHT.private_key[-60:], "is not a private key in PEM"),
        (pem(rsa.generate_private_key(65537, 1024)), "is not RSA of 2048 bits"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "is not RSA of 2048 bits"),
        (pem(account().private, b"secret"), "is protected by a password"),
    ],
)
def test_a_private_key_that_does_not_do(key: str, wrong: str) -> None:
    finding = only(structs.replace(RIGHT, private_key=key, certificate=""))
    assert (finding.setting, finding.wrong) == ("private_key", wrong)


def test_a_key_of_another_certificate() -> None:
    other = account().signing_key.private
    finding = only(structs.replace(RIGHT, private_key=pem(other)))
    assert (finding.setting, finding.wrong) == ("private_key", "does not belong to `certificate`")


def test_a_serial_number_of_another_certificate() -> None:
    finding = only(structs.replace(RIGHT, serial="1" * 40))
    assert finding.setting == "serial"
    assert account().serial in finding.remedy


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        ({"mchid": "12"}, "mchid"),
        ({"appid": "wx12"}, "appid"),
        ({"serial": "not hex", "certificate": ""}, "serial"),
        ({"serial": "", "certificate": ""}, "serial"),
        ({"certificate": "no/such/file.pem"}, "certificate"),
        ({"apiv3_key": "short"}, "apiv3_key"),
        ({"apiv3_key": "密" * 32}, "apiv3_key"),
        ({"earlier_apiv3_keys": ("x",)}, "earlier_apiv3_keys"),
        ({"public_keys": ()}, "public_keys"),
        ({"public_keys": (("PUB_KEY_ID", RIGHT.public_keys[0][1]),)}, "public_keys"),
        ({"public_keys": (("PUB_KEY_ID_0115040000", RIGHT.public_keys[0][1]),)}, "public_keys"),
        ({"public_keys": ((RIGHT.public_keys[0][0], RIGHT.private_key),)}, "public_keys"),
        ({"public_keys": (RIGHT.public_keys[0], RIGHT.public_keys[0])}, "public_keys"),
        ({"gateway": "http://api.mch.weixin.qq.com"}, "gateway"),
        ({"api_host": "api.weixin.qq.com"}, "api_host"),
    ],
)
def test_each_wrong_setting_is_named(changed: dict[str, object], setting: str) -> None:
    assert only(structs.replace(RIGHT, **changed)).setting == setting


def test_wrong_settings_make_no_keys_and_all_faults_are_told_at_once() -> None:
    with pytest.raises(WrongSettings) as caught:
        read_keys(structs.replace(RIGHT, mchid="", apiv3_key=""))
    assert [finding.setting for finding in caught.value.findings] == ["mchid", "apiv3_key"]


def test_secrets_are_not_shown() -> None:
    shown = f"{RIGHT!r} {read_keys(RIGHT)!r}"
    assert RIGHT.apiv3_key not in shown
    assert "PRIVATE" not in shown
    assert RIGHT.app_secret not in shown
