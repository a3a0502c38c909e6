"""The demo's payment providers: a sandbox beside the server, and the operator's merchants with it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

from coinslot.app.demo_address import free_port
from coinslot.app.demo_address import url as address
from coinslot.app.demo_home import merchants_file
from coinslot.app.errors import Problem
from coinslot.app.merchants import Merchants
from coinslot.app.merchants_file import read_merchants
from coinslot.app.sandbox import USUAL_PORT, make_sandbox, phones_url
from coinslot.app.sandbox_keys import Accounts, open_accounts, write_merchants
from coinslot.app.stack import PaymentOptions
from coinslot.audit import Connection
from coinslot.sandbox.providers.server import LOOPBACK, SandboxServer
from coinslot.settlement.payments.merchants import add_merchant, every_merchant
from coinslot.wire.ids import OperatorId

_BY: Final = "seed"
_NAMES: Final = {"wechat": "微信支付 · WeChat Pay", "alipay": "支付宝 · Alipay", "stripe": "银行卡 · Card"}


class DemoPayments:
    """`async with DemoPayments(...)`: the sandbox runs. `seed`, then `options` for the server."""

    def __init__(self, data_dir: Path, host: str) -> None:
        """`host`: where the demo's pages are served, and so where payers' phones look."""
        self._file = merchants_file(data_dir)
        self._host = host
        self._accounts: Accounts = open_accounts(self._file.parent)
        self._merchants = Merchants()
        self._cards = ""
        """The merchant with Stripe, whose events go where its account says, not where an order says."""
        self.server: SandboxServer

    @property
    def url(self) -> str:
        """Where payers' phones find the sandbox."""
        return self.server.phones_url

    async def __aenter__(self) -> Self:
        try:
            # The usual port may be free at the one address and not at the other.
            try:
                await self._open(free_port(self._host, USUAL_PORT))
            except OSError:
                await self._open(free_port(self._host, 0))
        except OSError as error:
            raise Problem(
                f"the payment sandbox cannot listen on {self._host}: {error.strerror}",
                "Start the demo again; somebody may have been quicker.",
            ) from error
        return self

    async def _open(self, port: int) -> None:
        self.server = make_sandbox(
            self._accounts, host=self._host, port=port, public_url=phones_url(self._host, port)
        )
        await self.server.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._merchants.close()
        await self.server.__aexit__(kind, error, trace)

    async def seed(self, connection: Connection, operator: OperatorId) -> None:
        """The operator's merchants: made in the first demo, found in every other; and their keys."""
        write_merchants(self._file, self._accounts, self.server.url, operator)
        contents = read_merchants(self._file)
        if contents.wrong:
            raise Problem(contents.wrong[0].message, f"Remove {self._file.parent}; new keys are made then.")
        known = {(row.provider, row.account) for row in await every_merchant(connection)}
        for entry in contents.entries:
            if (entry.provider, entry.account) not in known:
                await add_merchant(
                    connection,
                    operator,
                    provider=entry.provider,
                    account=entry.account,
                    app=entry.app,
                    name=_NAMES[entry.provider],
                    by=_BY,
                )
        self._cards = next(
            row.merchant_id
            for row in await every_merchant(connection)
            if (row.provider, row.account) == ("stripe", self._accounts.stripe.id)
        )
        self._merchants = Merchants(contents.entries)
        await self._merchants.meet(connection)

    def options(self, port: int, url: str) -> PaymentOptions:
        """For the server, whose HTTP listens at the port, and which is opened at the address."""
        # The sandbox is on this machine: it needs no way through the network.
        here = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self._host, self._host)
        base = address(here, port)
        self._accounts.stripe.endpoints.clear()
        self._accounts.stripe.listen(f"{base}/notify/stripe/{self._cards}")
        return PaymentOptions(find=self._merchants.find, notify_base=base, pages_base=url)
