"""Profit sharing: parts of paid orders for other receivers, and their way back to the merchant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from coinslot.payments.port import ProviderError, Rejected, RetrySameKey, Unknown
from coinslot.payments.shares import (
    Payee,
    PayeeKind,
    ReturnOrder,
    ReturnSeen,
    ReturnState,
    SharesReturn,
    SplitOrder,
    SplitSeen,
    SplitState,
)
from coinslot.providers.wechat.answers import Transaction, Unreadable, payment_seen, read
from coinslot.providers.wechat.calls import checked, checked_account, return_parameters, split_receivers
from coinslot.providers.wechat.guard import Refusal
from coinslot.providers.wechat.line import Line, readable
from coinslot.providers.wechat.refusals import Refused, refused
from coinslot.providers.wechat.sharing_answers import ReturnAnswer, SplitAnswer, return_seen, split_seen

YOUNG: Final = timedelta(minutes=3)
"""An order is said to take about a minute until it may be split; only its own time tells that from other refusals."""
_KINDS: Final = {PayeeKind.MERCHANT: "MERCHANT_ID", PayeeKind.PERSON: "PERSONAL_OPENID"}
_RELATION: Final = "PARTNER"
_MERCHANT: Final = re.compile(r"[0-9]{8,10}")


class Sharing(Line):
    """The splits of `payments.port.Provider`."""

    shares_return = SharesReturn.FIRST
    _now: Callable[[], datetime]

    async def split(self, order: SplitOrder) -> SplitSeen:
        """See `payments.port.Provider`. Receivers are made known to WeChat Pay first: to say so twice does no harm."""
        receivers = split_receivers(order, _KINDS)
        checked(order.provider_payment_id)
        try:
            for payee in {share.payee.account: share.payee for share in order.shares}.values():
                await self._add_receiver(payee)
            if receivers:
                body = await self._call(
                    200,
                    self._client.profitsharing_order,
                    transaction_id=order.provider_payment_id,
                    out_order_no=order.number,
                    receivers=receivers,
                    unfreeze_unsplit=order.releases_rest,
                )
            else:
                body = await self._call(
                    200,
                    self._client.profitsharing_unfreeze,
                    transaction_id=order.provider_payment_id,
                    out_order_no=order.number,
                    description="No shares",
                )
        except Refusal as refusal:
            return await self._split_refused(order, refused(refusal))
        return self._split_seen(body, order.number, order.provider_payment_id)

    async def query_split(self, number: str, provider_payment_id: str) -> SplitSeen:
        """See `payments.port.Provider`."""
        try:
            body = await self._call(
                200,
                self._client.profitsharing_order_query,
                transaction_id=checked(provider_payment_id),
                out_order_no=checked(number),
            )
        except Refusal as refusal:
            why = refused(refusal)
            if why.is_absent:
                return SplitSeen(number=number, state=SplitState.ABSENT)
            raise why.error from None
        return self._split_seen(body, number, provider_payment_id)

    async def return_split(self, order: ReturnOrder) -> ReturnSeen:
        """See `payments.port.Provider`. Only merchants can be asked: what people got is theirs."""
        if not _MERCHANT.fullmatch(order.account):
            raise Rejected("PERSON", "what people got cannot be asked back: let the merchant bear it")
        parameters = return_parameters(order)
        try:
            body = await self._call(200, self._client.profitsharing_return, **parameters)
        except Refusal as refusal:
            return await self._return_refused(order, refused(refusal))
        return _return_seen(body, order.number)

    async def query_return(self, number: str, split_number: str) -> ReturnSeen:
        """See `payments.port.Provider`."""
        try:
            body = await self._call(
                200,
                self._client.profitsharing_return_query,
                out_order_no=checked(split_number),
                out_return_no=checked(number),
            )
        except Refusal as refusal:
            why = refused(refusal)
            if why.is_absent:
                return ReturnSeen(number=number, split_number=split_number, state=ReturnState.ABSENT)
            raise why.error from None
        return _return_seen(body, number)

    async def _add_receiver(self, payee: Payee) -> None:
        if payee.kind is PayeeKind.MERCHANT and not payee.name:
            raise Rejected("NAME", "WeChat Pay compares the full name of a merchant that gets a share")
        parameters: dict[str, object] = {
            "account_type": _KINDS[payee.kind],
            "account": checked_account(payee.account),
            "relation_type": _RELATION,
        }
        if payee.name:
            parameters["name"] = payee.name
        await self._call(200, self._client.profitsharing_add_receiver, **parameters)

    def _split_seen(self, body: str, number: str, payment: str) -> SplitSeen:
        told = readable(lambda: read(body, SplitAnswer))
        if (told.out_order_no, told.transaction_id) != (number, payment):
            raise Unknown("CONTENT", "the answer is about another split")
        return readable(lambda: split_seen(told, self.merchant))

    async def _split_refused(self, order: SplitOrder, why: Refused) -> SplitSeen:
        """A refusal is final only when no earlier try with this number was accepted, and the payment is old enough."""
        if not why.is_proven or not (isinstance(why.error, Rejected) or why.is_too_much):
            raise why.error from None
        try:
            seen = await self.query_split(order.number, order.provider_payment_id)
            too_young = why.is_unfit and await self._is_young(order.provider_payment_id)
        except ProviderError:
            raise Unknown(why.code, "refused, and the split could not be queried") from None
        if seen.state is SplitState.ABSENT:
            if too_young:
                raise RetrySameKey("TOO_EARLY", "the payment is too young to be shared") from None
            if why.is_too_much:
                raise Rejected(why.code, "more than what is left of the payment") from None
            raise why.error from None
        asked = Counter((share.payee.account, share.amount_minor) for share in order.shares)
        if Counter((share.account, share.amount_minor) for share in seen.shares) != asked:
            raise Unknown(why.code, "refused: the split of this number has other values") from None
        return seen

    async def _is_young(self, transaction: str) -> bool:
        try:
            body = await self._call(200, self._client.query, transaction_id=transaction)
        except Refusal as refusal:
            why = refused(refusal)
            if why.is_absent:
                return False
            raise why.error from None
        paid_at = readable(lambda: payment_seen(read(body, Transaction))).paid_at
        return paid_at is not None and self._now() - paid_at < YOUNG

    async def _return_refused(self, order: ReturnOrder, why: Refused) -> ReturnSeen:
        if not why.is_proven or not isinstance(why.error, Rejected):
            raise why.error from None
        try:
            seen = await self.query_return(order.number, order.split_number)
        except ProviderError:
            raise Unknown(why.code, "refused, and the return could not be queried") from None
        if seen.state is ReturnState.ABSENT:
            raise why.error from None
        if (seen.amount_minor, seen.account) != (order.amount_minor, order.account):
            raise Unknown(why.code, "refused: the return of this number has other values") from None
        return seen


def _return_seen(body: str, number: str) -> ReturnSeen:
    def reading() -> ReturnSeen:
        told = read(body, ReturnAnswer)
        if told.out_return_no != number:
            raise Unreadable("it is about another return")
        return return_seen(told)

    return readable(reading)
