"""Transfers to people: `/v3/fund-app/mch-transfer`, where each payee confirms within a day that it is to be had."""

from __future__ import annotations

from typing import Final

from coinslot.payments.port import ProviderError, Rejected, Unknown
from coinslot.payments.shares import PayeeKind, PayoutOrder, PayoutSeen, PayoutState
from coinslot.providers.wechat.answers import CURRENCY, Unreadable, read
from coinslot.providers.wechat.calls import checked, transfer_parameters
from coinslot.providers.wechat.guard import Refusal
from coinslot.providers.wechat.line import Line, readable
from coinslot.providers.wechat.refusals import Refused, refused
from coinslot.providers.wechat.sharing_answers import TransferAnswer, payout_seen

NAME_FROM_MINOR: Final = 2_000_00
"""From 2000 yuan on WeChat Pay compares the payee's name."""


class Transfers(Line):
    """The payouts of `payments.port.Provider`."""

    async def payout(self, order: PayoutOrder) -> PayoutSeen:
        """See `payments.port.Provider`. `confirm_with` is told here alone: it opens the page in WeChat on which the payee
        confirms."""
        if order.payee.kind is not PayeeKind.PERSON:
            raise Rejected("PAYEE", "WeChat Pay transfers to people alone")
        if not self._keys.transfer_scene:
            raise Rejected(
                "SCENE", "set `transfer_scene` of this merchant: transfers are applied for with it"
            )
        if order.amount_minor >= NAME_FROM_MINOR and not order.payee.name:
            raise Rejected("NAME", "from 2000 yuan on the payee's name is compared, and has to be given")
        parameters = transfer_parameters(order, self._keys.transfer_scene, self._keys.transfer_reports)
        try:
            body = await self._call(200, self._client.mch_transfer_bills, **parameters)
        except Refusal as refusal:
            return await self._payout_refused(order, refused(refusal))
        return _seen(body, order.number)

    async def query_payout(self, number: str) -> PayoutSeen:
        """See `payments.port.Provider`. WeChat Pay tells of the last 30 days alone."""
        try:
            body = await self._call(200, self._client.mch_transfer_bills_query, out_bill_no=checked(number))
        except Refusal as refusal:
            why = refused(refusal)
            if why.is_absent:
                return PayoutSeen(number=number, state=PayoutState.ABSENT, currency=CURRENCY)
            raise why.error from None
        return _seen(body, number)

    async def _payout_refused(self, order: PayoutOrder, why: Refused) -> PayoutSeen:
        """A refusal is final only when no earlier try with this number was accepted: who takes another number for
        what was sent already pays twice."""
        if not why.is_proven or not isinstance(why.error, Rejected):
            raise why.error from None
        try:
            seen = await self.query_payout(order.number)
        except ProviderError:
            raise Unknown(why.code, "refused, and the transfer could not be queried") from None
        if seen.state is PayoutState.ABSENT:
            raise why.error from None
        if seen.amount_minor != order.amount_minor:
            raise Unknown(why.code, "refused: the transfer of this number has other values") from None
        return seen


def _seen(body: str, number: str) -> PayoutSeen:
    def reading() -> PayoutSeen:
        told = read(body, TransferAnswer)
        if told.out_bill_no != number:
            raise Unreadable("it is about another transfer")
        return payout_seen(told)

    return readable(reading)
