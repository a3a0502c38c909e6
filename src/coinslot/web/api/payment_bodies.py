"""Bodies about collecting money from customers and giving it back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from coinslot.payments.standing import Standing
from coinslot.payments.states import RefundState
from coinslot.web.api.bodies import Minor
from coinslot.wire.ids import CustomerId, Id

ApiChannel: TypeAlias = Annotated[
    Literal["qr", "browser", "in_app"],
    Meta(
        description=(
            "`qr`: a code to be scanned; `browser`: a page of the provider; `in_app`: inside WeChat, with `payer`."
        )
    ),
]


class TopUpChoice(Struct, frozen=True, kw_only=True):
    """An amount that is offered, and what it earns."""

    amount_minor: Annotated[int, Meta(examples=[5000])]
    bonus_minor: Annotated[int, Meta(examples=[500])]


class PayableMerchant(Struct, frozen=True, kw_only=True):
    """A merchant that takes new payments."""

    merchant: Annotated[str, Meta(examples=["mer_1ht59z3k7b2n5p8q1s4v6x9z"])]
    provider: Annotated[str, Meta(examples=["wechat"])]
    name: Annotated[str, Meta(examples=["North Campus"])]


class TopUpChoices(Struct, frozen=True, kw_only=True):
    """What may be topped up, what it earns, and with whom it can be paid."""

    currency: Annotated[str, Meta(examples=["CNY"])]
    choices: list[TopUpChoice]
    least_minor: int
    most_minor: int
    own_amounts: Annotated[bool, Meta(description="Whether other amounts are taken.")]
    bonus_pause_days: Annotated[
        int, Meta(description="For so long after a withdrawal nothing earns a bonus.", examples=[30])
    ]
    merchants: list[PayableMerchant]


class WayBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it is to be paid."""

    merchant: Annotated[Id, Meta(description="One of `merchants` of the top-up choices.")]
    channel: ApiChannel
    return_url: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^(https?://[!-~]{1,190})?$(?!\n)",
            description="Where the provider's page leads back to. That somebody comes there proves nothing.",
        ),
    ] = ""
    payer: Annotated[
        str, Meta(max_length=128, pattern=r"^[!-~]*$(?!\n)", description="For `in_app`: the payer's openid.")
    ] = ""
    address: Annotated[
        str,
        Meta(
            max_length=45,
            pattern=r"^[0-9a-fA-F:.]*$(?!\n)",
            description="For `browser`: the address from which the payer asks you.",
        ),
    ] = ""

    def __repr__(self) -> str:
        """Without the payer: this could end up in a log."""
        return f"WayBody({self.merchant!r}, {self.channel!r})"


class PayBody(WayBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is topped up, and how it is to be paid."""

    amount_minor: Minor

    def __repr__(self) -> str:
        """Likewise."""
        return f"PayBody({self.amount_minor}, {self.merchant!r}, {self.channel!r})"


class Noted(Struct, frozen=True, kw_only=True):
    """What is kept of a request to collect or return money, so that the same one does it once."""

    amount_minor: int


class PayView(Struct, frozen=True, kw_only=True):
    """How the payer comes to pay; which field is filled depends on the channel."""

    qr: str
    url: str
    in_app: dict[str, str]


class PaymentView(Struct, frozen=True, kw_only=True):
    """A payment as it stands. `pay` is there while it can be paid."""

    id: Annotated[str, Meta(examples=["pay_1ht5ah1x0c9qj9m6t2r4v8wz"])]
    state: Annotated[Standing, Meta(examples=["waiting"])]
    customer: CustomerId | None
    currency: str
    amount_minor: int
    bonus_minor: Annotated[int, Meta(description="Promised when it was opened.")]
    merchant: str | None
    provider: str | None
    channel: str | None
    pay: PayView | None
    error: Annotated[str, Meta(description="The provider's last word against it, in its own terms.")]
    returned_minor: Annotated[
        int, Meta(description="Of what was paid too late or twice, on its way back or arrived.")
    ]
    opened_at: datetime
    expires_at: datetime
    paid_at: datetime | None


class WithdrawBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much; all that is free if it is left out."""

    amount_minor: Minor | None = None


class PlannedPart(Struct, frozen=True, kw_only=True):
    """What would go back to one payment."""

    amount_minor: int
    provider: str
    paid_at: datetime


class WithdrawalPreview(Struct, frozen=True, kw_only=True):
    """What would become of a withdrawal."""

    currency: str
    free_minor: Annotated[int, Meta(description="What can be withdrawn at most.")]
    amount_minor: int
    parts: Annotated[list[PlannedPart], Meta(description="Oldest payment first.")]
    by_hand_minor: Annotated[int, Meta(description="What no refund can carry: to be paid at the counter.")]
    bonus_minor: Annotated[int, Meta(description="What is in the wallet; it is never paid out.")]
    bonus_back_minor: Annotated[
        int,
        Meta(
            description="The part of it that leaves the wallet with these payments, as far as it is not spent."
        ),
    ]


class WithdrawalPart(Struct, frozen=True, kw_only=True):
    """What goes back to one payment, and how far it is."""

    amount_minor: int
    provider: str
    state: RefundState
    paid_at: datetime | None
    ended_at: datetime | None


class WithdrawalView(Struct, frozen=True, kw_only=True):
    """A withdrawal as it stands. `paid` and `back` add up to the amount at its end."""

    id: Annotated[str, Meta(examples=["wdr_1ht5ah1x0c9qj9m6t2r4v8wz"])]
    customer: CustomerId
    currency: str
    amount_minor: int
    paid_minor: int
    back_minor: Annotated[int, Meta(description="Failed for good, and in the wallet again.")]
    by_hand_minor: int
    by_hand_paid: bool
    parts: list[WithdrawalPart]
    asked_at: datetime
    ended_at: datetime | None
