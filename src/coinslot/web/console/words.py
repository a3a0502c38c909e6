"""States and kinds in words, each with the colour of its dot: `bad`, `warn`, `soft`, or none for what is well."""

from __future__ import annotations

from typing import Final, NamedTuple

from coinslot.ledger.accounts import AccountKind
from coinslot.ledger.entries import EntryKind
from coinslot.payments.model import IntentPurpose, Mark, Why
from coinslot.payments.states import AttemptState, IntentState, RefundState
from coinslot.settlement.payments.errors import Barred
from coinslot.settlement.payments.refund_requests import Reason, RequestState, Way
from coinslot.settlement.payments.reviews import PaymentReview
from coinslot.web.pages.languages import marked


class Said(NamedTuple):
    """A word, and the kind of its dot."""

    word: str
    kind: str = ""


INTENT: Final = {
    IntentState.OPEN: Said(marked("Not paid yet"), "soft"),
    IntentState.PAID: Said(marked("Payment received")),
    IntentState.PARTLY_REFUNDED: Said(marked("Refunded in part"), "warn"),
    IntentState.REFUNDED: Said(marked("Refunded"), "warn"),
    IntentState.EXPIRED: Said(marked("Not paid, over"), "soft"),
}
ATTEMPT: Final = {
    AttemptState.NEW: Said(marked("Being asked for"), "soft"),
    AttemptState.CREATE_UNKNOWN: Said(marked("Unknown, is asked again"), "warn"),
    AttemptState.PENDING: Said(marked("Waits for the payer"), "soft"),
    AttemptState.CLOSING: Said(marked("Being closed"), "soft"),
    AttemptState.CLOSED: Said(marked("Closed"), "soft"),
    AttemptState.FAILED: Said(marked("Failed"), "bad"),
    AttemptState.SUCCEEDED: Said(marked("Payment received")),
}
MARK: Final = {
    Mark.NONE: "",
    Mark.LATE: marked("Came too late: goes back by itself"),
    Mark.DUPLICATE: marked("Paid twice: goes back by itself"),
    Mark.UNWANTED: marked("Its customer was forgotten: goes back by itself"),
    Mark.DISPUTED: marked("Something does not agree: a person has to look"),
}
REFUND: Final = {
    RefundState.REQUESTED: Said(marked("Being asked for"), "soft"),
    RefundState.PROCESSING: Said(marked("The provider is at it"), "soft"),
    RefundState.SUCCEEDED: Said(marked("With the payer")),
    RefundState.CLOSED: Said(marked("Will not be done"), "bad"),
    RefundState.ABNORMAL: Said(marked("Cannot be delivered: decide"), "bad"),
}
WHY: Final = {
    Why.LATE: marked("The payment came too late"),
    Why.DUPLICATE: marked("It was paid twice"),
    Why.UNWANTED: marked("The customer was forgotten"),
    Why.START_FAILED: marked("The appliance did not start"),
    Why.UNUSED: marked("What was left of it"),
    Why.SESSION: marked("Part of the charge was given back"),
    Why.WITHDRAWAL: marked("The customer's balance was paid back"),
}
PURPOSE: Final = {
    IntentPurpose.TOPUP: marked("Top-up"),
    IntentPurpose.DIRECT_SESSION: marked("One use"),
}
PROVIDER: Final = {
    "wechat": marked("WeChat Pay"),
    "alipay": marked("Alipay"),
    "stripe": marked("Bank card"),
    "counter": marked("Counter"),
}
REVIEW: Final = {
    PaymentReview.QUARANTINED: marked("A provider said something that does not agree with the order"),
    PaymentReview.SUSPENSE: marked("Money arrived that nobody had asked for"),
    PaymentReview.REFUND_ABNORMAL: marked("A refund cannot be delivered"),
    PaymentReview.REFUND_CLOSED: marked("A refund will not be done, the payer is still owed the money"),
    PaymentReview.REFUND_STUCK: marked("A refund was asked for many times without an end"),
    PaymentReview.REFUND_AFTER_ALL: marked("A refund was done after it had been given up"),
    PaymentReview.START_STUCK: marked("What was paid for neither starts nor can be given back"),
    PaymentReview.REST_STUCK: marked("What a use has left could not be asked back"),
    PaymentReview.WITHDRAWAL_BACK: marked("A withdrawal failed and is in the wallet again"),
    PaymentReview.WITHDRAWAL_BY_HAND: marked("Part of a withdrawal has to be paid by hand"),
    PaymentReview.BILL: marked("A provider's bill and the books do not agree"),
    PaymentReview.BILL_MISSING: marked("A provider's bill cannot be had"),
}
REASON: Final = {
    Reason.NO_SERVICE: marked("Nothing came, or it stopped"),
    Reason.POOR_SERVICE: marked("Cold, dirty or weak"),
    Reason.CHARGED_WRONG: marked("More was charged than was used"),
    Reason.PAID_TWICE: marked("Paid twice"),
    Reason.NOT_WANTED: marked("The customer thought better of it"),
    Reason.GOODWILL: marked("Goodwill"),
    Reason.EXPLAINED: marked("It was found out whose money it is"),
    Reason.OTHER: marked("Something else"),
}
REQUEST: Final = {
    RequestState.OPEN: Said(marked("Waits for a second person"), "warn"),
    RequestState.DONE: Said(marked("Done")),
    RequestState.DECLINED: Said(marked("Declined"), "bad"),
    RequestState.EXPIRED: Said(marked("Nobody decided in time"), "soft"),
}
WAY: Final = {
    Way.WALLET: marked("To the customer's balance"),
    Way.PAYER: marked("Back to the payer"),
    Way.REVENUE: marked("The operator's revenue"),
    Way.LOSS: marked("The operator's loss"),
    Way.SESSION: marked("Borne by those who shared in the session"),
}
BARRED: Final = {
    Barred.DISABLED: marked("Your login is disabled."),
    Barred.ROLE: marked("Owners and managers decide about refunds; the desk may ask for them."),
    Barred.OWN: marked("You have asked for it, so somebody else has to decide."),
    Barred.MADE_BY_ASKER: marked(
        "Who asked has made your login or set its password within the last 30 days; somebody else has to decide."
    ),
    Barred.DECIDED: marked("It has been decided already."),
    Barred.EXPIRED: marked("It was asked more than 7 days ago; ask for it anew."),
}
KIND: Final = {
    EntryKind.TOPUP: marked("Top-up"),
    EntryKind.CASH: marked("Cash at the counter"),
    EntryKind.HOLD: marked("Set aside"),
    EntryKind.CAPTURE: marked("Share of a use"),
    EntryKind.RELEASE: marked("Released"),
    EntryKind.LAPSE: marked("Released after its time"),
    EntryKind.ARREARS: marked("Share of a use, reported late"),
    EntryKind.ARREARS_REPAID: marked("Arrears repaid"),
    EntryKind.WRITE_OFF: marked("Written off"),
    EntryKind.REFUND: marked("Refund"),
    EntryKind.WITHDRAWAL: marked("Withdrawal"),
    EntryKind.BONUS_TAKEN: marked("Bonus taken back"),
    EntryKind.POINTS: marked("Points"),
    EntryKind.VEND: marked("Credit sold to a meter"),
    EntryKind.PAYOUT: marked("Payout"),
    EntryKind.SETTLEMENT: marked("Settled by the provider"),
    EntryKind.SUSPENSE: marked("Suspense"),
    EntryKind.CHARGEBACK: marked("Chargeback"),
}
ACCOUNT: Final = {
    AccountKind.CUSTOMER_PRINCIPAL: marked("Customer's balance"),
    AccountKind.CUSTOMER_BONUS: marked("Customer's bonus"),
    AccountKind.CUSTOMER_ARREARS: marked("Customer's arrears"),
    AccountKind.HOLD_PRINCIPAL: marked("Set aside"),
    AccountKind.HOLD_BONUS: marked("Bonus set aside"),
    AccountKind.PARTY_PAYABLE: marked("Party's shares"),
    AccountKind.OPERATOR_REVENUE: marked("The operator's revenue"),
    AccountKind.OPERATOR_PROMOTIONS: marked("Promotions"),
    AccountKind.OPERATOR_WRITE_OFF: marked("Written off"),
    AccountKind.OPERATOR_CASH: marked("Cash"),
    AccountKind.OPERATOR_OPENING: marked("Brought in from an earlier system"),
    AccountKind.OPERATOR_WITHDRAWALS_DUE: marked("Withdrawals to be paid"),
    AccountKind.MERCHANT_CLEARING: marked("Held by the provider"),
    AccountKind.MERCHANT_FEES: marked("Provider's fees"),
    AccountKind.MERCHANT_REFUNDS_DUE: marked("Refunds to be done"),
    AccountKind.MERCHANT_SUSPENSE: marked("Suspense"),
}


def kind_of(kind: str) -> str:
    """An entry's kind; what has no words stands as it is."""
    return KIND.get(EntryKind(kind), kind.replace("_", " ")) if kind in set(EntryKind) else kind


def provider_of(provider: str) -> str:
    """A provider's name."""
    return PROVIDER.get(provider, provider)


def review_of(reason: str) -> str:
    """Why a person should look."""
    return REVIEW[PaymentReview(reason)] if reason in set(PaymentReview) else reason.replace("_", " ")
