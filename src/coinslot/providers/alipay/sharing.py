"""Shares by trade.order.settle, in its asynchronous way, where each part has an end of its own; back with the refund."""

from __future__ import annotations

from collections import Counter
from typing import Final

from coinslot.payments.port import ProviderError, Rejected, Unknown
from coinslot.payments.shares import (
    ReturnOrder,
    ReturnSeen,
    SharesReturn,
    SplitOrder,
    SplitSeen,
    SplitState,
)
from coinslot.providers.alipay.calls import bind_parameters, settle_parameters
from coinslot.providers.alipay.line import Line, readable
from coinslot.providers.alipay.refusals import Refused
from coinslot.providers.alipay.sharing_answers import Bound, SettleAnswer, SettleFound, split_found

_BIND: Final = "alipay.trade.royalty.relation.bind"
_QUERY: Final = "alipay.trade.order.settle.query"
_NOT_APART: Final = ("WITH_REFUND", "shares come back with the refund: name them in it")


class Sharing(Line):
    """The splits of `payments.port.Provider`."""

    shares_return = SharesReturn.WITH_REFUND

    async def split(self, order: SplitOrder) -> SplitSeen:
        """See `payments.port.Provider`. Receivers are bound to the merchant first: to say so twice does no harm."""
        parameters = settle_parameters(order)
        try:
            if order.shares:
                await self._call(
                    Bound, self._client.server_api, api_name=_BIND, biz_content=bind_parameters(order)
                )
            told = await self._call(SettleAnswer, self._client.api_alipay_trade_order_settle, **parameters)
        except Refused as refused:
            return await self._split_refused(order, refused)
        if told.trade_no != order.provider_payment_id:
            raise Unknown("CONTENT", "the answer is about another trade")
        return SplitSeen(number=order.number, state=SplitState.PROCESSING, provider_id=told.settle_no)

    async def query_split(self, number: str, provider_payment_id: str) -> SplitSeen:
        """See `payments.port.Provider`."""
        try:
            told = await self._call(
                SettleFound,
                self._client.server_api,
                api_name=_QUERY,
                biz_content={"out_request_no": number, "trade_no": provider_payment_id},
            )
        except Refused as refused:
            if refused.is_absent:
                return SplitSeen(number=number, state=SplitState.ABSENT)
            raise refused.error from None
        return readable(lambda: split_found(told, number, provider_payment_id))

    async def return_split(self, order: ReturnOrder) -> ReturnSeen:
        """Rejected: see `RefundOrder.shares`."""
        raise Rejected(*_NOT_APART)

    async def query_return(self, number: str, split_number: str) -> ReturnSeen:
        """Rejected: how the refund stands is how they do."""
        raise Rejected(*_NOT_APART)

    async def _split_refused(self, order: SplitOrder, refused: Refused) -> SplitSeen:
        """A refusal is final only when no earlier try with this number was accepted."""
        if not isinstance(refused.error, Rejected):
            raise refused.error from None
        try:
            seen = await self.query_split(order.number, order.provider_payment_id)
        except ProviderError:
            raise Unknown(refused.code, "refused, and the split could not be queried") from None
        if seen.state is SplitState.ABSENT:
            raise refused.error from None
        asked = Counter((share.payee.account, share.amount_minor) for share in order.shares)
        if Counter((share.account, share.amount_minor) for share in seen.shares) != asked:
            raise Unknown(refused.code, "refused: the split of this number has other values") from None
        return seen
