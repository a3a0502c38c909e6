"""Transfers by fund.trans.uni.transfer: they arrive at once, and nobody has to confirm them.

Alipay gives this product to apps whose keys are certificates alone; with plain keys it refuses every call.
"""

from __future__ import annotations

from typing import Final

from coinslot.payments.port import ProviderError, Rejected, Unknown
from coinslot.payments.shares import PayoutOrder, PayoutSeen, PayoutState
from coinslot.providers.alipay.answers import CURRENCY
from coinslot.providers.alipay.calls import transfer_parameters, transfer_query
from coinslot.providers.alipay.line import Line, readable
from coinslot.providers.alipay.refusals import Refused
from coinslot.providers.alipay.sharing_answers import TransferAnswer, payout_seen

_SEND: Final = "alipay.fund.trans.uni.transfer"
_QUERY: Final = "alipay.fund.trans.common.query"


class Transfers(Line):
    """The payouts of `payments.port.Provider`."""

    async def payout(self, order: PayoutOrder) -> PayoutSeen:
        """See `payments.port.Provider`."""
        content = transfer_parameters(order)
        try:
            told = await self._call(
                TransferAnswer, self._client.server_api, api_name=_SEND, biz_content=content
            )
        except Refused as refused:
            return await self._payout_refused(order, refused)
        return readable(lambda: payout_seen(told, order.number))

    async def query_payout(self, number: str) -> PayoutSeen:
        """See `payments.port.Provider`."""
        try:
            told = await self._call(
                TransferAnswer,
                self._client.server_api,
                api_name=_QUERY,
                biz_content=transfer_query(number),
            )
        except Refused as refused:
            if refused.is_absent:
                return PayoutSeen(number=number, state=PayoutState.ABSENT, currency=CURRENCY)
            raise refused.error from None
        return readable(lambda: payout_seen(told, number))

    async def _payout_refused(self, order: PayoutOrder, refused: Refused) -> PayoutSeen:
        """A refusal is final only when no earlier try with this number was accepted."""
        if not isinstance(refused.error, Rejected):
            raise refused.error from None
        try:
            seen = await self.query_payout(order.number)
        except ProviderError:
            raise Unknown(refused.code, "refused, and the transfer could not be queried") from None
        if seen.state is PayoutState.ABSENT:
            raise refused.error from None
        if seen.amount_minor != order.amount_minor:
            raise Unknown(refused.code, "refused: the transfer of this number has other values") from None
        return seen
