"""The merchants file: what is read from it, and one sentence for each thing that is wrong, never a value."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from coinslot.app.checks_payments import check_merchants
from coinslot.app.errors import Problem
from coinslot.app.findings import State
from coinslot.app.merchants_file import Contents, read_merchants
from coinslot.app.serve import serve
from coinslot.app.settings import load_settings
from tests.support import alipay, wechat

CANARY = "canary-apiv3-key-of-32-letters-x"


@dataclass
class Folder:
    """A folder with every key in a file of its own, and the merchants file."""

    path: Path

    def write(self, name: str, text: str, mode: int = 0o600) -> None:
        file = self.path / name
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    @property
    def file(self) -> Path:
        return self.path / "merchants.toml"

    def read(self, text: str, **environment: str) -> Contents:
        self.write("merchants.toml", text)
        return read_merchants(self.file, environment)

    def said(self, text: str, **environment: str) -> Sequence[str]:
        """What is wrong, each with its remedy."""
        return [f"{each.message} → {each.remedy}" for each in self.read(text, **environment).wrong]


def wechat_table(**changes: str) -> str:
    """One merchant as it should be; a change to nothing leaves a line out."""
    lines = {
        "operator": '"North Campus"',
        "provider": '"wechat"',
        "account": f'"{wechat.account().mchid}"',
        "app": f'"{wechat.account().appid}"',
        "private_key": '"file:apiclient_key.pem"',
        "certificate": '"file:apiclient_cert.pem"',
        "apiv3_key": '"file:apiv3_key"',
        "public_keys": f'{{ {wechat.account().signing_key.id} = "file:pub_key.pem" }}',
        **changes,
    }
    return "[[merchant]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items() if value)


def alipay_table(**changes: str) -> str:
    """The same with Alipay."""
    lines = {
        "operator": '"op_south"',
        "provider": '"alipay"',
        "account": f'"{alipay.account().seller_id}"',
        "app": f'"{alipay.account().app_id}"',
        "private_key": '"file:app_private_key.pem"',
        "public_key": '"file:alipay_public_key.pem"',
        **changes,
    }
    return "[[merchant]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items() if value)


def stripe_table(**changes: str) -> str:
    """The same with Stripe, which has no apps."""
    lines = {
        "operator": '"op_south"',
        "provider": '"stripe"',
        "account": '"acct_1SandboxWaterCo1"',
        "secret_key": '"file:stripe_key"',
        "webhook_secret": '"file:webhook_secret"',
        **changes,
    }
    return "[[merchant]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items() if value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write("apiclient_key.pem", wechat.account().private_pem())
    made.write("apiclient_cert.pem", wechat.account().certificate_pem(), 0o644)
    made.write("apiv3_key", wechat.account().apiv3_key + "\n")
    made.write("pub_key.pem", wechat.account().signing_key.pem(), 0o644)
    made.write("app_private_key.pem", alipay.account().private_pem())
    made.write("alipay_public_key.pem", alipay.account().public_pem(), 0o644)
    made.write("stripe_key", "sk_test_canary00canary00")
    made.write("webhook_secret", "whsec_canary00canary00canary00\n")
    return made


def test_keys_come_from_files_beside_it_from_the_environment_and_out_of_the_text(folder: Folder) -> None:
    literal = alipay_table(private_key=f'"""{alipay.account().private_pem()}"""')
    text = wechat_table(apiv3_key='"env:NORTH_APIV3"') + literal + stripe_table(secret_key='"env:STRIPE_KEY"')
    contents = folder.read(text, NORTH_APIV3=CANARY, STRIPE_KEY="rk_test_canary00")
    assert (contents.wrong, contents.loose) == ([], [])
    assert [(entry.operator, entry.provider, entry.account) for entry in contents.entries] == [
        ("North Campus", "wechat", wechat.account().mchid),
        ("op_south", "alipay", alipay.account().seller_id),
        ("op_south", "stripe", "acct_1SandboxWaterCo1"),
    ]
    assert contents.entries[0].adapter.merchant == wechat.account().mchid


WRONG: list[tuple[Callable[[], str], str, str]] = [
    (lambda: wechat_table(operator=""), "`operator` is missing", "docs/payments.md"),
    (lambda: wechat_table(provider='"wepay"'), "`provider` is none that keys are for: wechat", "one of these"),
    (lambda: wechat_table(account="1900000001"), "[[merchant]] number 1: `account` is not text", "quotes"),
    (lambda: wechat_table(account='"19"'), "wechat 19 of North Campus: `account` is not 8 to 10 digits", "Copy"),
    (lambda: wechat_table(app=""), "`app` is missing", "id of the app"),
    (lambda: wechat_table(app='"1"'), "`app` is not `wx`", "Copy"),
    (lambda: wechat_table(apiv3_key=""), "`apiv3_key` is missing", "docs/payments.md"),
    (lambda: wechat_table(mchid='"1900000001"'), "`mchid` has another name here", "`account`"),
    (lambda: wechat_table(privat_key='"x"'), "`privat_key` is no setting of this provider", "Did you mean `private_key`"),
    (lambda: wechat_table(colour='"red"'), "`colour` is no setting of this provider", "Remove it"),
    (lambda: wechat_table(private_key='"file:nowhere.pem"'), "nowhere.pem, which does not exist", "it counts from /"),
    (lambda: wechat_table(private_key='"file:."'), "which is no file", "Correct the path"),
    (lambda: wechat_table(private_key='"apiclient_key.pem"'), "is neither a key nor file:… or env:…", '"file:key.pem"'),
    (lambda: wechat_table(private_key='"file:apiv3_key"'), "`private_key` holds no key", "Name the file"),
    (lambda: wechat_table(private_key='"file:app_private_key.pem"'), "does not belong to `certificate`", "same zip"),
    (lambda: wechat_table(private_key='"file:pub_key.pem"'), "`private_key` is not a private key", "apiclient_key.pem"),
    (lambda: wechat_table(apiv3_key='"env:GONE"'), "names GONE, which is not in the environment", "Set GONE"),
    (lambda: wechat_table(apiv3_key='"env:$GONE"'), "is env: and no name", "without a $"),
    (lambda: wechat_table(apiv3_key=f'"{CANARY[:-1]}"'), "has to be 32 letters and digits, not 31", "APIv3"),
    (lambda: wechat_table(apiv3_key='""'), "`apiv3_key` is empty", "leave the line out"),
    (lambda: wechat_table(public_keys='"file:pub_key.pem"'), "`public_keys` is not a table", "PUB_KEY_ID_"),
    (lambda: wechat_table(public_keys='{ A = "file:pub_key.pem" }'), "an id that is not PUB_KEY_ID_", "Copy the id"),
    (lambda: wechat_table(earlier_apiv3_keys=f'"{CANARY}"'), "`earlier_apiv3_keys` is not a list", "["),
    (lambda: wechat_table(gateway='"http://example.org"'), "`gateway` is not an https address", "Leave it out"),
    (lambda: alipay_table(account='"1"'), "`account` is not the 16 digits of an account", "PID"),
    (lambda: alipay_table(app='"1"'), "`app` is not the 16 digits of an app", "APPID"),
    (lambda: alipay_table(public_key='"file:own.pem"'), "is the app's own public key", "Alipay's public key"),
    (lambda: alipay_table(public_key='"file:binary"'), "binary, which holds no text of a key", "Correct"),
    (lambda: alipay_table(gateway="7"), "`gateway` is not text", "quotes"),
    (lambda: stripe_table(account='"1"'), "stripe 1 of op_south: `account` is not `acct_`", "Account details"),
    (lambda: stripe_table(secret_key='"pk_live_51Canary00"'), "`secret_key` is the publishable key", "secret one"),
    (lambda: stripe_table(secret_key='"sk_canary"'), "is neither `sk_live_…` nor `rk_live_…`", "restricted key"),
    (lambda: stripe_table(webhook_secret='"we_1canary"'), "`webhook_secret` is the endpoint's id", "Reveal"),
    (lambda: stripe_table(webhook_secret=""), "`webhook_secret` is missing", "docs/payments.md"),
    (lambda: stripe_table(earlier_webhook_secrets='["canary"]'), "is not `whsec_…`", "signing secret"),
    (lambda: stripe_table(gateway='"http://api.stripe.com"'), "`gateway` is not an https address", "Leave it out"),
    (
        lambda: stripe_table(gateway='"http://127.0.0.1:1"', secret_key='"sk_live_51Canary00"'),
        "`gateway` is a sandbox, and `secret_key` is live",
        "Leave `gateway` out",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("table", "wrong", "remedy"), WRONG, ids=[wrong for _, wrong, _ in WRONG])
def test_each_mistake_is_one_sentence_that_names_merchant_setting_and_what_to_do(
    folder: Folder, table: Callable[[], str], wrong: str, remedy: str
) -> None:
    folder.write("own.pem", alipay.account().app_public_pem())
    (folder.path / "binary").write_bytes(b"\x30\x82\x00\xff")
    (said,) = folder.said(table())
    assert wrong in said.partition(" → ")[0]
    assert remedy in said.partition(" → ")[2]
    assert CANARY[:-1] not in said
    assert folder.read(table()).entries == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[[merchant]", "is not valid TOML"),
        ('[merchant]\noperator = "x"', "`merchant` is one table"),
        ("merchant = 1", "`merchant` is one table"),
        ('[[merchants]]\noperator = "x"', "`merchants` stands outside any [[merchant]]"),
    ],
)
def test_what_is_no_such_file_at_all_is_said_at_once(folder: Folder, text: str, wrong: str) -> None:
    with pytest.raises(Problem) as caught:
        folder.read(text)
    assert wrong in caught.value.message
    assert caught.value.remedy


def test_a_list_of_what_is_no_table_is_told(folder: Folder) -> None:
    (said,) = folder.said("merchant = [1]")
    assert said.startswith("[[merchant]] number 1: `merchant` is no table")


def test_one_account_stands_there_once(folder: Folder) -> None:
    (said,) = folder.said(wechat_table() + wechat_table(operator='"South"'))
    assert "more than once" in said


def test_one_wrong_merchant_does_not_hide_another(folder: Folder) -> None:
    said = folder.said(wechat_table(apiv3_key="", private_key='"file:no"') + alipay_table(app=""))
    assert [line.split(" ")[0] for line in said] == ["wechat", "wechat", "alipay"]


def test_secrets_within_anybodys_reach_are_told_and_nothing_else_is(folder: Folder) -> None:
    (folder.path / "apiclient_key.pem").chmod(0o644)
    contents = folder.read(wechat_table())
    assert contents.wrong == []
    (loose,) = contents.loose
    assert "`private_key` stands in" in loose.message
    assert loose.remedy == f"Run: chmod o= {folder.path / 'apiclient_key.pem'}"
    folder.write("open.toml", wechat_table(apiv3_key=f'"{CANARY}"'), 0o644)
    said = [each.message for each in read_merchants(folder.path / "open.toml", {}).loose]
    assert len(said) == 2
    assert "`apiv3_key` stands in" in said[1]
    assert CANARY not in "".join(said)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_this_user_may_not_read_is_told(folder: Folder) -> None:
    (folder.path / "apiv3_key").chmod(0o000)
    (said,) = folder.said(wechat_table())
    assert "cannot be read: Permission denied" in said


def test_a_server_does_not_start_with_a_wrong_key_and_says_which(folder: Folder) -> None:
    folder.write("merchants.toml", wechat_table(private_key='"file:no"', apiv3_key=""))
    settings = load_settings(
        {"COINSLOT_MERCHANTS_FILE": str(folder.file), "COINSLOT_DATA_DIR": str(folder.path / "data")}
    )
    with pytest.raises(Problem, match=r"apiv3_key` is missing \(1 more: see coinslot doctor\)"):
        serve(settings)
    assert not (folder.path / "data").exists(), "no engine was begun"
    with pytest.raises(Problem, match=r"`merchants_file`: .* cannot be read"):
        load_settings({"COINSLOT_MERCHANTS_FILE": str(folder.path / "none.toml")})


def test_the_doctor_looks_at_keys_and_at_the_address(folder: Folder) -> None:
    folder.write("merchants.toml", wechat_table() + alipay_table(app=""))
    settings = load_settings({"COINSLOT_MERCHANTS_FILE": str(folder.file)})
    found = list(check_merchants(settings))
    assert [(each.check, each.state) for each in found] == [
        ("merchants", State.WRONG),
        ("merchants", State.OK),
        ("notifications", State.WRONG),
    ]
    assert "`public_url` is not set" in found[2].detail
    for url, state in (("http://127.0.0.1:8080", State.WRONG), ("https://wash.example.org", State.OK)):
        settings = load_settings({"COINSLOT_MERCHANTS_FILE": str(folder.file), "COINSLOT_PUBLIC_URL": url})
        assert list(check_merchants(settings))[-1].state is state
    (nothing,) = check_merchants(load_settings({}))
    assert nothing.state is State.SKIPPED
