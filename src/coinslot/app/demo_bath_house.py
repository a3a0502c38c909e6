"""What belongs to the demo's bathroom beside its stalls: the kiosk in its hall, and a customer with a card."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from msgspec import Struct

from coinslot.app.demo_files import keep_words, kept_words
from coinslot.app.demo_staff import BY
from coinslot.audit import Connection
from coinslot.fleet.front_desks import add_desk, list_desks, new_link
from coinslot.keyring import Keyring
from coinslot.ledger.events import cash_topup
from coinslot.ledger.store import post
from coinslot.money import parse_currency
from coinslot.people.cards import customer_by_card, register
from coinslot.wire.ids import OperatorId, SiteId

HALL: Final = "大厅自助机 · Kiosk in the hall"
BESIDE_THE_WALL: Final = "展示墙旁自助机 · Kiosk beside the wall"
_CARD_MINOR: Final = 20_00


class Card(Struct, frozen=True, kw_only=True):
    """Of a customer without a phone."""

    number: str
    pin: str

    def __repr__(self) -> str:
        """Without them: this could end up in a log."""
        return "Card(…)"


async def kiosk_link(connection: Connection, own: OperatorId, site: SiteId, name: str) -> str:
    """The path that makes one browser this kiosk of the site, once; the one that was it has to go."""
    known = [one for one in await list_desks(connection, own) if (one.site_id, one.name) == (site, name)]
    if known:
        _, link = await new_link(connection, own, known[0].desk_id, by=BY)
    else:
        _, link = await add_desk(connection, own, site, name=name, by=BY)
    return f"/desk/open/{link}"


async def ensure_card(
    connection: Connection, keyring: Keyring, own: OperatorId, currency: str, file: Path
) -> Card:
    """A customer with a card and money on it: the one whose card is in `file`, else a new one."""
    kept = await asyncio.to_thread(kept_words, file)
    for number, pin in kept:
        if await customer_by_card(connection, own, number) is not None:
            return Card(number=number, pin=pin)
    async with connection.transaction():
        made = await register(connection, keyring, own, phone=None, language="zh", by=BY)
        cash = cash_topup(
            own,
            f"seed:{made.customer_id}",
            made.customer_id,
            parse_currency(currency),
            amount_minor=_CARD_MINOR,
        )
        await post(connection, [cash])
    await asyncio.to_thread(keep_words, file, [(made.card_no, made.pin)])
    return Card(number=made.card_no, pin=made.pin)
