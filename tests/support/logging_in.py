"""People who log in by phone and code on real PostgreSQL; the telephone is the test itself."""

from __future__ import annotations

import io
from datetime import timedelta

from PIL import Image

from coinslot.engines.connect import Connection, Pool
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.people import logins, real_names
from coinslot.people.logins import AskedCode, CodeOver, LoggedIn, StillYours, WrongCode, WrongTail
from coinslot.wire.ids import CustomerId, OperatorId

LIN = "+8613912345678"
MEI = "+8613700000001"
ID_NUMBER = "11010519491231002X"
TAIL = "002X"


def other_code(code: str) -> str:
    """Six digits that are not `code`."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


class FrontDoor:
    """The way in at one operator. `owner` can do what time does."""

    def __init__(self, pool: Pool, owner: Connection, operator_id: OperatorId, keyring: Keyring) -> None:
        self.pool = pool
        self.owner = owner
        self.operator_id = operator_id
        self.keyring = keyring
        self._places = 0

    async def ask(self, phone: str = LIN, source: str = "192.0.2.1") -> AskedCode:
        async with self.pool.acquire() as connection:
            return await logins.ask_code(
                connection, self.keyring, self.operator_id, phone=phone, source=source
            )

    async def answer(
        self,
        asked: AskedCode,
        code: str | None = None,
        *,
        phone: str | None = None,
        token: str | None = None,
        language: str = "zh",
    ) -> LoggedIn | StillYours | WrongCode | CodeOver:
        async with self.pool.acquire() as connection:
            return await logins.try_code(
                connection,
                self.keyring,
                self.operator_id,
                login_code_id=asked.login_code_id,
                phone=asked.phone if phone is None else phone,
                code=asked.code if code is None else code,
                language=language,
                token=token,
            )

    async def log_in(
        self, phone: str = LIN, *, token: str | None = None, language: str = "zh"
    ) -> LoggedIn | StillYours | WrongCode | CodeOver:
        """Ask and answer, the earlier codes being some minutes old."""
        await self.codes_age(timedelta(minutes=2))
        # Each time from another place: one may ask for a number only so often.
        self._places += 1
        asked = await self.ask(phone, source=f"192.0.2.{self._places}")
        return await self.answer(asked, token=token, language=language)

    async def lets_in(self, phone: str = LIN, *, token: str | None = None, language: str = "zh") -> LoggedIn:
        inside = await self.log_in(phone, token=token, language=language)
        assert isinstance(inside, LoggedIn)
        return inside

    async def doubts(self, phone: str = LIN, *, token: str | None = None) -> str:
        """The proof that a right code leads to here."""
        asked_back = await self.log_in(phone, token=token)
        assert isinstance(asked_back, StillYours)
        return asked_back.proof

    async def prove(
        self, proof: str, id_tail: str = TAIL, *, token: str | None = None
    ) -> LoggedIn | WrongTail | CodeOver:
        async with self.pool.acquire() as connection:
            return await logins.prove_still_yours(
                connection,
                self.keyring,
                self.operator_id,
                proof=proof,
                id_tail=id_tail,
                language="zh",
                token=token,
            )

    async def begin_anew(self, proof: str, *, token: str | None = None) -> LoggedIn | CodeOver:
        async with self.pool.acquire() as connection:
            return await logins.begin_anew(
                connection, self.keyring, self.operator_id, proof=proof, language="en", token=token
            )

    async def logins_of(self, token: str) -> list[tuple[str, str]]:
        """(operator, customer), as `find_logins` orders them."""
        async with self.pool.acquire() as connection:
            found = await logins.find_logins(connection, token)
        return [(login.operator_id, login.customer_id) for login in found]

    async def codes_age(self, by: timedelta) -> None:
        await self.owner.execute(
            "UPDATE login_code SET made_at = made_at - $1::interval, expires_at = expires_at - $1::interval",
            by,
        )

    async def days_pass(self, days: int) -> None:
        """Since the customers of this operator registered and proved their numbers."""
        await self.owner.execute(
            "UPDATE customer SET created_at = created_at - $2::interval,"
            " phone_proved_at = phone_proved_at - $2::interval WHERE operator_id = $1",
            self.operator_id,
            timedelta(days=days),
        )

    async def has_money(self, customer_id: str, amount_minor: int = 5000) -> None:
        await self.owner.execute(
            "INSERT INTO ledger_balance (operator_id, account, currency, amount_minor)"
            " VALUES ($1, 'customer/' || $2::text || '/principal', 'CNY', $3)",
            self.operator_id,
            customer_id,
            amount_minor,
        )

    async def has_used_an_appliance(self, customer_id: str) -> None:
        await self.owner.execute(
            "INSERT INTO session (operator_id, session_id, customer_id, appliance_id, terminal_id, outlet, state,"
            " command_id, request_key, request_hash, currency, quote, limits, hold_principal_minor,"
            " hold_bonus_minor, link, expires_at_ms, expired_at, give_up_at, meter_spec, created_at, settled_at)"
            " VALUES ($1, 'ses_1', $2, 'apl_1', 'trm_1', 0, 'released', 'cmd_1', 'key', '', 'CNY', '{}', '{}', 0,"
            " 0, 1, 0, now(), now(), '{}', now(), now())",
            self.operator_id,
            customer_id,
        )

    async def has_real_name(self, customer_id: CustomerId, *, approved: bool = True) -> None:
        picture = io.BytesIO()
        Image.new("RGB", (640, 400), "white").save(picture, "PNG")
        async with self.pool.acquire() as connection:
            given = await real_names.submit(
                connection,
                self.keyring,
                self.operator_id,
                customer_id,
                name="林一",
                id_number=ID_NUMBER,
                picture=picture.getvalue(),
                by="test",
            )
            if approved:
                await real_names.approve(connection, self.operator_id, given.real_name_id, by="test")


async def front_door(pool: Pool, owner: Connection, name: str = "North") -> FrontDoor:
    """A new operator's."""
    async with pool.acquire() as connection:
        operator = await create_operator(connection, name=name, currency="CNY", timezone="UTC", by="test")
    return FrontDoor(pool, owner, operator.operator_id, Keyring("a secret of the tests"))
