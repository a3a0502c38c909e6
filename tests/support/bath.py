"""A bathroom whose terminal holds terms of offline codes: made, typed and reported by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from coinslot.access import offline
from coinslot.engines.connect import Pool
from coinslot.fleet.offline_credit import set_offline_credit
from coinslot.keyring import Keyring
from coinslot.sessions.model import Session
from coinslot.settlement.offline.issuing import OfflineCode, OfflineRefused, issue_offline
from coinslot.settlement.offline.terms import due_terms
from coinslot.wire.ids import ApplianceId, CustomerId, SessionId, SiteId, new_id
from coinslot.wire.messages import Burn, Down, Offline
from coinslot.wire.records import Burnt, Declined, DeclineReason, OfflineCredit
from tests.support.desk import Desk, PlayedTerminal

CREDIT_MINOR = 3_00
SECRET = "a secret for tests alone, 32 letters"


class Bath:
    """One operator, one terminal, and who types what there."""

    def __init__(self, pool: Pool) -> None:
        self.desk = Desk(pool)
        self.pool = pool
        self.keyring = Keyring(SECRET)
        self.terminal: PlayedTerminal
        self.appliance = ApplianceId("")
        self.site = SiteId("")
        self.terms: Offline
        """What the terminal holds."""

    async def open(self, credit_minor: int = CREDIT_MINOR) -> Bath:
        """A terminal that holds terms, and then loses its link."""
        await self.prepare(credit_minor)
        await self.learns()
        await self.terminal.goes()
        return self

    async def prepare(self, credit_minor: int) -> Bath:
        """A terminal with its link that was told nothing yet."""
        await self.desk.open(new_id("Bath"))
        self.terminal = await self.desk.terminal()
        row = await self.pool.fetchrow(
            "SELECT appliance_id, site_id FROM outlet JOIN appliance USING (operator_id, appliance_id)"
            " WHERE terminal_id = $1",
            self.terminal.id,
        )
        assert row is not None
        self.appliance, self.site = ApplianceId(row["appliance_id"]), SiteId(row["site_id"])
        await self.credit(credit_minor)
        return self

    async def credit(self, credit_minor: int) -> None:
        """What a code is good for from now on."""
        async with self.pool.acquire() as connection:
            await set_offline_credit(connection, self.desk.operator, self.site, credit_minor, by="test")

    async def told(self) -> list[Offline]:
        """What the link would tell the terminal now."""
        return await due_terms(self.pool, self.keyring, self.terminal.id)

    async def learns(self) -> None:
        """The terminal is told its terms, keeps them and says so."""
        [self.terms] = await self.told()
        self.terminal.offline = [self.terms.terms] if self.terms.key else []
        await self.terminal.hello()

    async def asks(self, customer: CustomerId, key: str = "k1") -> OfflineCode | OfflineRefused:
        """Somebody wants a code."""
        return await issue_offline(
            self.pool,
            self.keyring,
            operator=self.desk.operator,
            customer=customer,
            appliance=self.appliance,
            outlet=0,
            key=key,
        )

    async def code(self, customer: CustomerId, key: str = "k1") -> OfflineCode:
        """A code; fails the test where it is refused."""
        answer = await self.asks(customer, key)
        assert isinstance(answer, OfflineCode), answer
        return answer

    async def returns(self, open_sessions: Sequence[str] = ()) -> list[Down]:
        """The terminal has its link again."""
        return await self.terminal.connects(open_sessions=open_sessions)

    async def session(self, code: OfflineCode) -> Session:
        """What the code promised, as it stands."""
        return await self.desk.session(code.session)

    async def held(self, code: OfflineCode) -> int:
        """What is held for it now."""
        return await self.desk.held(code.session)

    async def passes(self, time: timedelta) -> list[Down]:
        """Let time pass, also for codes and for what was told."""
        await self.pool.execute("UPDATE offline_terms SET told_at = told_at - $1::interval", time)
        return await self.desk.passes(time)

    def verifies(self, code: OfflineCode) -> int | offline.Refusal:
        """What the terminal makes of its digits."""
        return offline.verify(self.terms, code.digits, ())

    def credited(
        self, session: Session, *, count: int | None = None, minor: int = CREDIT_MINOR
    ) -> OfflineCredit:
        """The record that the code was taken without the link."""
        return OfflineCredit(
            boot=self.terminal.boot,
            ticks_ms=0,
            session=session.id,
            outlet=session.outlet,
            token_count=session.token if count is None and session.token is not None else count or 0,
            limits_minor=minor,
        )

    def burnt(self, session: SessionId, token: int) -> Burnt:
        """The record that the code was not used and never will be."""
        return Burnt(boot=self.terminal.boot, ticks_ms=0, session=session, outlet=0, token_count=token)

    def declined(self, session: Session, reason: DeclineReason) -> Declined:
        """The record that its start was refused."""
        return Declined(
            boot=self.terminal.boot,
            ticks_ms=0,
            command=session.command,
            session=session.id,
            outlet=session.outlet,
            reason=reason,
        )

    def burns(self, said: Sequence[Down]) -> list[Burn]:
        """Those of its own codes among what was sent."""
        own = f"off_{self.terms.terms}_"
        return [one for one in said if isinstance(one, Burn) and one.session.startswith(own)]
