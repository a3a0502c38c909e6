"""Transfers to people, which each payee confirms on the phone, within a day. No I/O."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.sandbox.providers.wechat.refused import Refused, wrong_field

CONFIRM_WITHIN: Final = timedelta(hours=24)
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{5,32}")
_SCENE: Final = re.compile(r"[0-9]{4,16}")
_MOST_REMARK: Final = 32
_NAME_FROM: Final = 2_000_00


class Report(Struct, frozen=True):
    """What a scene has to tell of each transfer."""

    info_type: str
    info_content: str


class TransferBody(Struct, frozen=True):
    """Of `POST /v3/fund-app/mch-transfer/transfer-bills`."""

    appid: str
    out_bill_no: str
    transfer_scene_id: str
    openid: str
    transfer_amount: int
    transfer_remark: str
    transfer_scene_report_infos: tuple[Report, ...] = ()
    user_name: str = ""
    user_recv_perception: str = ""
    notify_url: str | None = None


class State(StrEnum):
    """The wire's `state`."""

    ACCEPTED = "ACCEPTED"
    WAIT_USER_CONFIRM = "WAIT_USER_CONFIRM"
    TRANSFERING = "TRANSFERING"
    """So the wire spells it."""
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    CANCELLED = "CANCELLED"


@dataclass
class Transfer:
    """Money for one person."""

    id: str
    body: TransferBody
    package: str
    """Opens the page on which the payee confirms."""
    created_at: datetime
    state: State = State.WAIT_USER_CONFIRM
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has come to no end yet."""
        return self.state in (State.ACCEPTED, State.WAIT_USER_CONFIRM, State.TRANSFERING)


class Transfers:
    """All of one merchant's, by number."""

    def __init__(self) -> None:
        self._transfers: dict[str, Transfer] = {}

    def find(self, number: str) -> Transfer:
        """Refused (404) when there is none."""
        found = self._transfers.get(number)
        if found is None:
            raise Refused(404, "NOT_FOUND", "there is no such transfer")
        return found

    def send(self, body: TransferBody, now: datetime) -> tuple[Transfer, bool]:
        """A new one (True), or the same again. Refused by the provider's limits."""
        known = self._transfers.get(body.out_bill_no)
        if known is not None:
            # A name is encrypted anew for each try.
            if _plain(known.body) != _plain(body):
                raise Refused(400, "ALREADY_EXISTS", "this number was used with other values")
            return known, False
        _check(body)
        transfer = Transfer(f"133{_digits(27)}", body, secrets.token_urlsafe(48), now)
        self._transfers[body.out_bill_no] = transfer
        return transfer, True

    def confirm(self, number: str) -> Transfer:
        """The payee takes it. Refused when it is too late."""
        transfer = self.find(number)
        if transfer.state is not State.WAIT_USER_CONFIRM:
            raise Refused(400, "INVALID_REQUEST", "nothing is left to confirm")
        transfer.state = State.TRANSFERING
        return transfer

    def cancel(self, number: str) -> Transfer:
        """The merchant thinks better of it. Refused once the payee has confirmed."""
        transfer = self.find(number)
        if transfer.state not in (State.ACCEPTED, State.WAIT_USER_CONFIRM, State.CANCELLED):
            raise Refused(400, "INVALID_REQUEST", "it can be cancelled no longer")
        transfer.state = State.CANCELLED
        return transfer

    def finish(self, transfer: Transfer, failing: str) -> None:
        """The money is with the payee, or `failing` says why not."""
        transfer.state, transfer.reason = (State.FAIL, failing) if failing else (State.SUCCESS, "")

    def expire(self, transfer: Transfer) -> None:
        """Nobody has confirmed it in a day."""
        if transfer.state in (State.ACCEPTED, State.WAIT_USER_CONFIRM):
            transfer.state, transfer.reason = State.FAIL, "OVERDUE_CLOSE"


def _plain(body: TransferBody) -> tuple[object, ...]:
    return body.openid, body.transfer_amount, body.transfer_scene_id, bool(body.user_name)


def _check(body: TransferBody) -> None:
    if not _NUMBER.fullmatch(body.out_bill_no):
        raise wrong_field("/body/out_bill_no", "5 to 32 of 0-9A-Za-z")
    if not _SCENE.fullmatch(body.transfer_scene_id):
        raise wrong_field("/body/transfer_scene_id", "is none that was applied for")
    if body.transfer_amount <= 0:
        raise wrong_field("/body/transfer_amount", "has to be more than 0")
    if not 1 <= len(body.transfer_remark) <= _MOST_REMARK:
        raise wrong_field("/body/transfer_remark", "1 to 32 characters")
    if body.transfer_amount >= _NAME_FROM and not body.user_name:
        raise wrong_field("/body/user_name", "is needed from 2000 yuan on")


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"
