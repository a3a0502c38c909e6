"""The sandbox's merchants on disk: both sides' keys, made once, and a merchants file for a server that uses them."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import Struct, field

from coinslot.app.errors import Problem
from coinslot.sandbox.providers.alipay import AlipayAccount
from coinslot.sandbox.providers.stripe import StripeAccount
from coinslot.sandbox.providers.wechat import WechatAccount
from coinslot.sandbox.providers.wechat.account import PlatformKey

_WECHAT: Final = "wechat"
_ALIPAY: Final = "alipay"
_STRIPE: Final = "stripe"
_ABOUT: Final = """\
# The sandbox's merchants, written anew at each of its starts. Put it into COINSLOT_MERCHANTS_FILE as it is, or copy
# what is here into your own.
"""


class Accounts(Struct, frozen=True, kw_only=True):
    """The sandbox's merchants, one with each provider."""

    wechat: WechatAccount
    alipay: AlipayAccount
    stripe: StripeAccount = field(default_factory=StripeAccount)


def open_accounts(folder: Path) -> Accounts:
    """Those whose keys are in the folder; made and kept there where they are not. Problem when they cannot be."""
    with _told(folder):
        return Accounts(
            wechat=_wechat(folder / _WECHAT),
            alipay=_alipay(folder / _ALIPAY),
            stripe=_stripe(folder / _STRIPE),
        )


def write_merchants(file: Path, accounts: Accounts, url: str, operator: str) -> None:
    """The merchants file, in the folder of the keys, for a server that is to use the sandbox at `url`. Problem when it
    cannot be written."""
    with _told(file.parent):
        _write(file, _ABOUT + merchants_text(accounts, url, operator))


def merchants_text(accounts: Accounts, url: str, operator: str, folder: Path = Path()) -> str:
    """The file's blocks. Paths count from the folder of the keys, unless that is given."""
    wechat, alipay, stripe = accounts.wechat, accounts.alipay, accounts.stripe

    def key(name: str) -> str:
        return _quoted(f"file:{folder / name}")

    return f"""\
[[merchant]]
operator = {_quoted(operator)}
provider = "wechat"
account = "{wechat.mchid}"
app = "{wechat.appid}"
private_key = {key("wechat/apiclient_key.pem")}
certificate = {key("wechat/apiclient_cert.pem")}
apiv3_key = {key("wechat/apiv3_key")}
app_secret = {key("wechat/app_secret")}
public_keys = {{ {wechat.signing_key.id} = {key("wechat/pub_key.pem")} }}
gateway = "{url}"
api_host = "{url}"
open_host = "{url}"

[[merchant]]
operator = {_quoted(operator)}
provider = "alipay"
account = "{alipay.seller_id}"
app = "{alipay.app_id}"
private_key = {key("alipay/app_private_key.pem")}
public_key = {key("alipay/alipay_public_key.pem")}
gateway = "{url}/gateway.do"

[[merchant]]
operator = {_quoted(operator)}
provider = "stripe"
account = "{stripe.id}"
secret_key = {key("stripe/secret_key")}
webhook_secret = {key("stripe/webhook_secret")}
gateway = "{url}"
"""


def _wechat(folder: Path) -> WechatAccount:
    files = [folder / name for name in ("apiclient_key.pem", "apiclient_cert.pem", "apiv3_key", "app_secret")]
    theirs = [folder / name for name in ("platform_key.pem", "platform_key_id")]
    if all(file.exists() for file in (*files, *theirs)):
        key, certificate, apiv3_key, app_secret = (file.read_text(encoding="ascii") for file in files)
        platform, platform_id = (file.read_text(encoding="ascii") for file in theirs)
        made = WechatAccount(
            private=_private(key),
            certificate=x509.load_pem_x509_certificate(certificate.encode()),
            apiv3_key=apiv3_key.strip(),
            app_secret=app_secret.strip(),
            platform_keys=[PlatformKey(platform_id.strip(), _private(platform))],
        )
    else:
        made = WechatAccount()
        signing = made.signing_key
        contents = (made.private_pem(), made.certificate_pem(), made.apiv3_key, made.app_secret)
        for file, content in zip(files, contents, strict=True):
            _write(file, content)
        for file, content in zip(theirs, (_pem(signing.private), signing.id), strict=True):
            _write(file, content)
    _write(folder / "pub_key.pem", made.signing_key.pem())
    return made


def _alipay(folder: Path) -> AlipayAccount:
    own, theirs = folder / "app_private_key.pem", folder / "alipay_private_key.pem"
    if own.exists() and theirs.exists():
        made = AlipayAccount(
            private=_private(own.read_text(encoding="ascii")),
            signing=_private(theirs.read_text(encoding="ascii")),
        )
    else:
        made = AlipayAccount()
        _write(own, made.private_pem())
        _write(theirs, _pem(made.signing))
    _write(folder / "alipay_public_key.pem", made.public_pem())
    return made


def _stripe(folder: Path) -> StripeAccount:
    files = [folder / "secret_key", folder / "webhook_secret"]
    if all(file.exists() for file in files):
        secret_key, webhook_secret = (file.read_text(encoding="ascii").strip() for file in files)
        return StripeAccount(secret_key=secret_key, webhook_secret=webhook_secret)
    made = StripeAccount()
    for file, content in zip(files, (made.secret_key, made.webhook_secret), strict=True):
        _write(file, content)
    return made


def _private(text: str) -> RSAPrivateKey:
    key = load_pem_private_key(text.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and for this user alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if not escaped.isprintable():
        raise Problem("the operator's name has characters that no name has", "Name the operator by its id.")
    return f'"{escaped}"'


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Problem(
            f"the sandbox's keys in {folder} cannot be read or written: {error.strerror}",
            "Name a folder that this user may write to with --keys.",
        ) from error
    except ValueError as error:
        raise Problem(
            f"the sandbox's keys in {folder} are spoiled: {error}",
            "Remove that folder; new ones are made at the next start.",
        ) from error
