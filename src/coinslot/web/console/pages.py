"""All pages of the console."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from coinslot.web.console import (
    entries,
    payments,
    promises,
    refund_form,
    refunds,
    reviews,
    sessions,
    statements,
    suspense,
)
from coinslot.web.console.alarms import ALARMS
from coinslot.web.console.customers import CUSTOMERS
from coinslot.web.console.desks import DESKS
from coinslot.web.console.flushes import FLUSHES
from coinslot.web.console.home import home
from coinslot.web.console.hours import HOURS
from coinslot.web.console.importing import IMPORTING
from coinslot.web.console.login import log_in, log_in_page, log_out, log_out_again
from coinslot.web.console.messages import MESSAGES
from coinslot.web.console.party import party_file, party_page

DOOR: Final[list[HTTPRouteHandler]] = [log_in_page, log_in, party_page, party_file]
"""For whoever is not logged in: staff on their way in, and parties at an address made for them."""
CONSOLE: Final[list[HTTPRouteHandler]] = [
    home,
    log_out,
    log_out_again,
    payments.payments_page,
    payments.search_again,
    payments.search,
    payments.payment_page,
    refund_form.payment_refund,
    refund_form.refund_payment,
    refund_form.session_refund,
    refund_form.refund_session,
    refunds.refunds_page,
    refunds.request_page,
    refunds.approve_request,
    refunds.decline_request,
    refunds.again,
    refunds.give_up,
    reviews.reviews_page,
    reviews.close,
    promises.give_up,
    suspense.suspense_page,
    suspense.explain,
    suspense.chargeback_page,
    suspense.bear,
    sessions.session_page,
    entries.entry_page,
    statements.statements_page,
    statements.file_of,
    statements.link_of,
    statements.link_again,
    statements.revoke,
    *MESSAGES,
    *DESKS,
    *CUSTOMERS,
    *IMPORTING,
    *HOURS,
    *FLUSHES,
    *ALARMS,
]
"""For staff alone; `may.MAY` says for whom."""
