"""Which role may ask for which page of the console: one table, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from litestar.handlers import HTTPRouteHandler

from coinslot.people.rules import Role

ALL: Final = frozenset(Role)
SEE_PAYMENTS: Final = ALL - {Role.TECHNICIAN}
"""A technician deals with appliances: no money, no customers."""
SEE_BOOKS: Final = frozenset({Role.OWNER, Role.MANAGER, Role.AUDITOR})
"""What parties and the operator earn is not the desk's."""
MOVE_MONEY: Final = frozenset({Role.OWNER, Role.MANAGER})
ASK_REFUNDS: Final = MOVE_MONEY | {Role.DESK}
"""The desk asks, and never decides; settlement judges that again for each request."""
LET_RUN: Final = MOVE_MONEY | {Role.TECHNICIAN}
"""Settlement judges that again, too."""

MAY: Final[Mapping[tuple[str, str], frozenset[Role]]] = MappingProxyType(
    {
        ("GET", "/console"): ALL,
        ("POST", "/console/log-out"): ALL,
        ("GET", "/console/log-out"): ALL,
        ("GET", "/console/payments"): SEE_PAYMENTS,
        ("GET", "/console/payments/search"): SEE_PAYMENTS,
        ("POST", "/console/payments/search"): SEE_PAYMENTS,
        ("GET", "/console/payments/{intent_id}"): SEE_PAYMENTS,
        ("GET", "/console/payments/{intent_id}/refund"): ASK_REFUNDS,
        ("POST", "/console/payments/{intent_id}/refund"): ASK_REFUNDS,
        ("GET", "/console/sessions/{session_id}"): SEE_PAYMENTS,
        ("GET", "/console/sessions/{session_id}/refund"): ASK_REFUNDS,
        ("POST", "/console/sessions/{session_id}/refund"): ASK_REFUNDS,
        ("GET", "/console/refunds"): SEE_PAYMENTS,
        ("GET", "/console/refunds/{request_id}"): SEE_PAYMENTS,
        ("POST", "/console/refunds/{request_id}/approve"): MOVE_MONEY,
        ("POST", "/console/refunds/{request_id}/decline"): MOVE_MONEY,
        ("POST", "/console/provider-refunds/{number}/again"): MOVE_MONEY,
        ("POST", "/console/provider-refunds/{number}/give-up"): MOVE_MONEY,
        ("GET", "/console/reviews"): SEE_BOOKS,
        ("POST", "/console/reviews/{review_id}/close"): MOVE_MONEY,
        ("POST", "/console/promises/{session_id}/give-up"): MOVE_MONEY,
        ("GET", "/console/suspense/{target}"): MOVE_MONEY,
        ("POST", "/console/suspense/{target}"): MOVE_MONEY,
        ("GET", "/console/chargebacks/{target}"): MOVE_MONEY,
        ("POST", "/console/chargebacks/{target}"): MOVE_MONEY,
        ("GET", "/console/entries/{entry_id}"): SEE_BOOKS,
        ("GET", "/console/statements"): SEE_BOOKS,
        ("GET", "/console/statements/{party_id}/{form}"): SEE_BOOKS,
        ("GET", "/console/statements/{party_id}/link"): SEE_BOOKS,
        ("POST", "/console/statements/{party_id}/link"): MOVE_MONEY,
        ("POST", "/console/statement-links/{link_id}/revoke"): MOVE_MONEY,
        ("GET", "/console/messages"): SEE_BOOKS,
        ("GET", "/console/messages/{endpoint_id}/{event_id}"): SEE_BOOKS,
        ("POST", "/console/messages/{endpoint_id}/{event_id}/replay"): MOVE_MONEY,
        ("POST", "/console/messages/{endpoint_id}/replay-dead"): MOVE_MONEY,
        ("POST", "/console/messages/{endpoint_id}/test"): MOVE_MONEY,
        ("POST", "/console/messages/{endpoint_id}/switch"): MOVE_MONEY,
        ("GET", "/console/desks"): SEE_BOOKS,
        ("POST", "/console/desks"): MOVE_MONEY,
        ("POST", "/console/desks/{desk_id}/link"): MOVE_MONEY,
        ("POST", "/console/desks/{desk_id}/revoke"): MOVE_MONEY,
        ("GET", "/console/customers"): ASK_REFUNDS,
        ("POST", "/console/customers"): ASK_REFUNDS,
        ("POST", "/console/customers/find"): ASK_REFUNDS,
        ("GET", "/console/customers/{customer_id}"): SEE_PAYMENTS,
        ("POST", "/console/customers/{customer_id}/pin"): ASK_REFUNDS,
        ("POST", "/console/customers/{customer_id}/card"): ASK_REFUNDS,
        ("POST", "/console/customers/{customer_id}/block"): ASK_REFUNDS,
        ("POST", "/console/customers/{customer_id}/unblock"): ASK_REFUNDS,
        ("POST", "/console/customers/{customer_id}/top-up"): ASK_REFUNDS,
        ("GET", "/console/import"): MOVE_MONEY,
        ("POST", "/console/import"): MOVE_MONEY,
        ("POST", "/console/import/bring-in"): MOVE_MONEY,
        ("POST", "/console/import/faults"): MOVE_MONEY,
        ("GET", "/console/hours"): ALL,
        ("POST", "/console/hours"): MOVE_MONEY,
        ("GET", "/console/quotas"): SEE_PAYMENTS,
        ("POST", "/console/quotas"): MOVE_MONEY,
        ("POST", "/console/quotas/{quota_id}/remove"): MOVE_MONEY,
        ("GET", "/console/alarms"): ALL,
        ("POST", "/console/alarms/{alarm_id}/put-away"): LET_RUN,
        ("GET", "/console/flush"): LET_RUN | {Role.AUDITOR},
        ("GET", "/console/flush/{appliance_id}"): LET_RUN | {Role.AUDITOR},
        ("POST", "/console/flush/{appliance_id}"): LET_RUN,
        ("POST", "/console/flush/{appliance_id}/stop"): LET_RUN,
    }
)
"""Method and route, as the route spells it, to the roles."""


def roles_of(method: str, template: str) -> frozenset[Role]:
    """Who may; nobody where the table says nothing."""
    return MAY.get((method, template), frozenset())


def routes_of(handlers: Iterable[HTTPRouteHandler]) -> set[tuple[str, str]]:
    """Method and route of each handler, spelled as the table does: `/console/payments/{intent_id}`."""
    return {
        (str(method), path.replace(":str}", "}"))
        for handler in handlers
        for method in handler.http_methods
        for path in handler.paths
        if method != "OPTIONS"
    }


def check_table(handlers: Iterable[HTTPRouteHandler]) -> None:
    """ValueError that names the routes which only the table or only the application knows."""
    served = routes_of(handlers)
    if served != set(MAY):
        odd = ", ".join(f"{method} {path}" for method, path in sorted(served ^ set(MAY)))
        raise ValueError(f"routes and the table of roles disagree about {odd}")
