"""Merchants by the command line, and whether their keys fit what is in the database."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from coinslot.app.checks_payments import check_whose
from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.app.findings import State
from coinslot.app.merchants import Merchants, meet
from coinslot.app.merchants_file import read_merchants
from coinslot.app.sandbox_keys import Accounts, merchants_text
from coinslot.app.settings import load_settings
from coinslot.engines.connect import Connection, Pool
from coinslot.fleet.store import create_operator
from coinslot.payments.model import Merchant
from coinslot.sandbox.providers.stripe import StripeAccount
from coinslot.settlement.payments.merchants import add_merchant, every_merchant, switch_merchant
from coinslot.wire.ids import OperatorId
from tests.support import alipay, wechat

Run = Callable[..., str]
WECHAT, APP = wechat.account().mchid, wechat.account().appid
ALIPAY, ALIPAY_APP = alipay.account().seller_id, alipay.account().app_id
STRIPE = StripeAccount().id


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Keys of both, for North Campus."""
    accounts = Accounts(wechat=wechat.account(), alipay=alipay.account())
    text = merchants_text(accounts, "http://127.0.0.1:1", "North Campus")
    contents = {
        "wechat/apiclient_key.pem": accounts.wechat.private_pem(),
        "wechat/apiclient_cert.pem": accounts.wechat.certificate_pem(),
        "wechat/apiv3_key": accounts.wechat.apiv3_key,
        "wechat/app_secret": accounts.wechat.app_secret,
        "wechat/pub_key.pem": accounts.wechat.signing_key.pem(),
        "alipay/app_private_key.pem": accounts.alipay.private_pem(),
        "alipay/alipay_public_key.pem": accounts.alipay.public_pem(),
        "stripe/secret_key": accounts.stripe.secret_key,
        "stripe/webhook_secret": accounts.stripe.webhook_secret,
        "merchants.toml": text,
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    return tmp_path / "merchants.toml"


@pytest.fixture
def run(database_url: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)
    monkeypatch.setenv("COINSLOT_MERCHANTS_FILE", str(file))

    def type_it(*words: str) -> str:
        result = CliRunner().invoke(coinslot, ["operator", *words])
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    type_it("create", "North Campus")
    type_it("create", "South")
    return type_it


def test_a_merchant_is_added_listed_shut_and_opened(run: Run, file: Path) -> None:
    north = ("--operator", "North Campus", "--json")
    made = json.loads(run("merchant", "add", "wechat", WECHAT, "--app", APP, "--name", "WeChat Pay", *north))
    assert (made["account"], made["active"], made["keys"]) == (WECHAT, True, True)
    other = json.loads(run("merchant", "add", "alipay", ALIPAY, "--app", ALIPAY_APP[::-1], *north))
    assert (other["name"], other["keys"]) == ("alipay", False)
    shut = json.loads(run("merchant", "shut", made["merchant_id"], *north))
    assert shut["active"] is False
    assert [row["active"] for row in json.loads(run("merchant", "list", *north))] == [False, True]
    assert json.loads(run("merchant", "open", made["merchant_id"], *north))["active"] is True
    file.write_text("[[merchant]]")
    listed = json.loads(run("merchant", "list", *north))
    assert {row["keys"] for row in listed} == {"cannot be read"}


def test_what_cannot_be_added_is_said(run: Run) -> None:
    north = ("--operator", "North Campus")
    with pytest.raises(Problem, match="--app is missing"):
        run("merchant", "add", "wechat", WECHAT, *north)
    run("merchant", "add", "wechat", WECHAT, "--app", APP, *north)
    with pytest.raises(Problem, match="in use already"):
        run("merchant", "add", "wechat", WECHAT, "--app", APP, "--operator", "South")
    with pytest.raises(Problem, match="account: must be the provider's id"):
        run("merchant", "add", "wechat", "with space", "--app", APP, *north)
    with pytest.raises(Problem, match="There is no merchant"):
        run("merchant", "shut", "mer_nobody", *north)


def change(file: Path, before: str, after: str) -> None:
    """The first place of it."""
    file.write_text(file.read_text().replace(before, after, 1))


@contextlib.contextmanager
def changed(file: Path, before: str, after: str) -> Iterator[None]:
    """For a while."""
    original = file.read_text()
    change(file, before, after)
    yield
    file.write_text(original)


async def told(file: Path, database_url: str) -> tuple[Merchants, list[str]]:
    """The keys of the file, and what is said of them."""
    merchants = Merchants(read_merchants(file).entries)
    return merchants, [f"{each.message} → {each.remedy}" for each in await meet(merchants, database_url)]


@pytest.fixture
async def owners(pool: Pool) -> dict[str, OperatorId]:
    """Two operators; the first has what the file has keys for."""
    made: dict[str, OperatorId] = {}
    async with pool.acquire() as connection:
        for name in ("North Campus", "South"):
            operator = await create_operator(
                connection, name=name, currency="CNY", timezone="Asia/Shanghai", by="test"
            )
            made[name] = operator.operator_id
        await add(connection, made["North Campus"], "wechat", WECHAT, APP)
        await add(connection, made["North Campus"], "alipay", ALIPAY, ALIPAY_APP)
        await add(connection, made["North Campus"], "stripe", STRIPE, "")
    return made


async def add(connection: Connection, owner: OperatorId, provider: str, account: str, app: str) -> Merchant:
    return await add_merchant(
        connection, owner, provider=provider, account=account, app=app, name=account, by="test"
    )


async def test_each_merchant_finds_its_own_keys_whether_the_file_says_id_or_name(
    owners: dict[str, OperatorId], file: Path, database_url: str, pool: Pool
) -> None:
    change(file, '"North Campus"', f'"{owners["North Campus"]}"')
    merchants, said = await told(file, database_url)
    assert said == []
    rows = await every_merchant(pool)
    assert [provider.merchant for row in rows if (provider := merchants.find(row))] == [
        WECHAT,
        ALIPAY,
        STRIPE,
    ]
    for changes in (
        {"operator_id": owners["South"]},
        {"app": "wx0"},
        {"account": "1"},
        {"provider": "alipay"},
    ):
        assert merchants.find(replace(rows[0], **changes)) is None


async def test_what_does_not_belong_together_is_told_and_not_used(
    owners: dict[str, OperatorId], file: Path, database_url: str, pool: Pool
) -> None:
    async def said(before: str, after: str) -> str:
        with changed(file, before, after):
            merchants, lines = await told(file, database_url)
        wechat_row = (await every_merchant(pool))[0]
        assert merchants.find(wechat_row) is None
        assert len(lines) == 2  # the keys have no merchant, and the merchant has no keys
        assert "there is a merchant, but no keys for it here" in lines[1]
        assert f"merchant shut {wechat_row.merchant_id} --operator" in lines[1]
        return lines[0]

    assert "there is no such operator → Correct `operator`" in await said('"North Campus"', '"Nowhere"')
    assert "another operator's, and the keys are not used" in await said('"North Campus"', '"South"')
    assert f"has the app {APP}, the keys are for wx0000000000000000 and not used" in await said(
        f'"{APP}"', '"wx0000000000000000"'
    )
    missing = await said(f'"{WECHAT}"', '"1900000777"')
    assert "there are keys, but no such merchant" in missing
    assert (
        f"coinslot operator merchant add wechat 1900000777 --app {APP} --name NAME --operator op" in missing
    )


async def test_the_doctor_tells_it_and_lets_a_shut_merchant_be(
    owners: dict[str, OperatorId], file: Path, database_url: str, pool: Pool
) -> None:
    environment = {"COINSLOT_MERCHANTS_FILE": str(file)}
    assert await check_whose(load_settings(environment), database_url) == []
    found = await check_whose(load_settings({}), database_url)
    assert [each.state for each in found] == [State.WRONG] * 3
    async with pool.acquire() as connection:
        for row in await every_merchant(pool):
            await switch_merchant(connection, row.operator_id, row.merchant_id, active=False, by="test")
        assert await check_whose(load_settings({}), database_url) == []
        await add(connection, owners["South"], "counter", "desk", "")
    assert await check_whose(load_settings({}), database_url) == []
