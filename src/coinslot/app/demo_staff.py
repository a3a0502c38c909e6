"""Who works for the demo's operator: four people with passwords that this demo made up, kept in its folder."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Final

from msgspec import Struct

from coinslot.app.demo_files import keep_words, kept_words
from coinslot.audit import Connection
from coinslot.people.rules import Role
from coinslot.people.staff import add_staff, list_staff, set_password
from coinslot.wire.ids import OperatorId

BY: Final = "seed"
_NAMES: Final = {Role.OWNER: "Ola", Role.MANAGER: "Mao", Role.DESK: "Dewi", Role.TECHNICIAN: "Tao"}
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""None of them looks like another: they are typed from a screen."""


class StaffLogin(Struct, frozen=True, kw_only=True):
    """With what somebody logs in to the demo's console."""

    login: str
    """The word of the role."""
    password: str


async def ensure_staff(connection: Connection, own: OperatorId, file: Path) -> tuple[StaffLogin, ...]:
    """Owner, manager, desk and technician: made in the first demo, found in every other. Whoever's password is not in `file` any
    more gets a new one.
    """
    kept = dict(await asyncio.to_thread(kept_words, file))
    there = {one.login: one.staff_id for one in await list_staff(connection, own)}
    passwords = {role.value: kept.get(role.value) or _password() for role in _NAMES}
    for role, name in _NAMES.items():
        login = role.value
        password = passwords[login]
        if login not in there:
            await add_staff(connection, own, login=login, name=name, role=login, password=password, by=BY)
        elif login not in kept:
            await set_password(connection, own, there[login], password, by=BY)
    # Last: whatever breaks off before is made again by the next start, and the file never says what does not open.
    if passwords != kept:
        await asyncio.to_thread(keep_words, file, passwords.items())
    return tuple(StaffLogin(login=login, password=password) for login, password in passwords.items())


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
