"""A member of staff at a page: who it is, whether the role may, and how the page is shown.

Every route of the console begins with `staffed: StaffedOf`. The guard has looked at the table of roles by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import SkipValidation
from litestar.response import Response

from coinslot.fields import storable
from coinslot.people.rules import Role
from coinslot.people.staff_logins import LIFE, StaffHere, find_staff_here
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.web.console.may import MAY, roles_of
from coinslot.web.pages import figures, forms
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.problems import Problem, not_found
from coinslot.web.services import Services
from coinslot.wire.ids import OperatorId

if TYPE_CHECKING:
    from coinslot.web.services import Pool

AnyRequest: TypeAlias = Request[object, object, State]
AnyConnection: TypeAlias = ASGIConnection[BaseRouteHandler, object, object, State]

STYLES: Final = ("base.css", "console.css")
_TOKEN_LENGTH: Final = (16, 100)
_LIFE_S: Final = int(LIFE.total_seconds())

MENU: Final = (
    ("/console", marked("Overview")),
    ("/console/alarms", marked("Alarms")),
    ("/console/customers", marked("Customers")),
    ("/console/payments", marked("Payments")),
    ("/console/refunds", marked("Refund requests")),
    ("/console/reviews", marked("To look at")),
    ("/console/statements", marked("Statements")),
    ("/console/messages", marked("Messages")),
    ("/console/desks", marked("Front desks")),
    ("/console/hours", marked("Opening hours")),
    ("/console/quotas", marked("Quotas")),
    ("/console/flush", marked("Let water run")),
    ("/console/import", marked("Customers from a file")),
)
"""What stands in the navigation, for roles that may open it."""

ROLE_NAMES: Final = {
    Role.OWNER: marked("Owner"),
    Role.MANAGER: marked("Manager"),
    Role.DESK: marked("Front desk"),
    Role.TECHNICIAN: marked("Technician"),
    Role.AUDITOR: marked("Auditor"),
}


class LoggedOut(Exception):
    """Nobody is logged in; what was asked for is seen after logging in, or was not done."""


class Staffed:
    """What a route of the console works with."""

    def __init__(self, page: Page, who: StaffHere, token: str) -> None:
        self.page: Final = page
        self.who: Final = who
        self._token: Final = token

    @property
    def operator(self) -> OperatorId:
        """Whose console this is: every query names it."""
        return self.who.operator_id

    @property
    def by(self) -> str:
        """Who acts, for the audit trail."""
        return self.who.staff_id

    @property
    def pool(self) -> Pool:
        """The database."""
        return self.page.services.pool

    @property
    def door(self) -> PaymentDoor:
        """Where money is given back; without a cashier in this process another one looks every second."""
        return self.page.services.payments or PaymentDoor(pool=self.pool)

    def may(self, method: str, template: str) -> bool:
        """Whether this role may ask for this route."""
        return self.who.role in roles_of(method, template)

    def say(self, text: str, **values: object) -> str:
        """A text in the page's language, `%(name)s` replaced."""
        return self.page.say(text, **values)

    def moment(self, at: datetime | None) -> str:
        """Date and time by the operator's clock; empty for never."""
        return "" if at is None else figures.moment(at, self.who.timezone, self.page.language)

    def second(self, at: datetime | None) -> str:
        """The same to the second, for what is compared with other books."""
        return "" if at is None else f"{at.astimezone(ZoneInfo(self.who.timezone)):%Y-%m-%d %H:%M:%S}"

    def role_name(self) -> str:
        """The role in words."""
        return self.say(ROLE_NAMES[self.who.role])

    def menu(self) -> list[tuple[str, str]]:
        """Paths and names of what this role may open."""
        return [
            (path, self.say(name)) for path, name in MENU if ("GET", path) in MAY and self.may("GET", path)
        ]

    async def form(self) -> forms.Form:
        """The form that was sent. Problem 403 when it does not come from a page of this very login."""
        forms.refuse_foreign(self.page.request)
        found = await forms.read_form(self.page.request)
        if not forms.is_sealed(self.page.services.keyring, self._token, found.text(forms.FIELD)):
            raise Problem(
                403,
                "old_form",
                marked("Please press once more"),
                marked(
                    "Nothing was done: the page was from before your last login. Load it again, then press once more."
                ),
            )
        return found

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        styles: tuple[str, ...] = STYLES,
        scripts: tuple[str, ...] = (),
        **values: object,
    ) -> Response[bytes]:
        """A page of the console: the template extends console/base.html."""
        return self.page.show(
            template,
            status=status,
            styles=styles,
            scripts=scripts,
            frames="",
            staffed=self,
            sealed=forms.seal(self.page.services.keyring, self._token),
            **values,
        )

    def go(self, path: str) -> Response[bytes]:
        """See another page of ours next (303)."""
        return self.page.go(path)


StaffedOf: TypeAlias = NamedDependency[SkipValidation[Staffed]]
"""A console route's argument: `staffed: StaffedOf`."""


def cookie_name(services: Services) -> str:
    """With TLS a name that no subdomain and no plain connection can set."""
    return "__Host-cs_staff" if services.public_url.startswith("https:") else "cs_staff"


def token_of(cookies: Mapping[str, str], services: Services) -> str | None:
    """What the browser's cookie holds, if it can be a token."""
    token = cookies.get(cookie_name(services), "")
    return token if _TOKEN_LENGTH[0] <= len(token) <= _TOKEN_LENGTH[1] and token.isascii() else None


def keep_token(page: Page, answer: Response[bytes], token: str) -> Response[bytes]:
    """`answer`, with which the browser has this token from now on; an empty one is forgotten."""
    answer.set_cookie(
        Cookie(
            key=cookie_name(page.services),
            value=token,
            max_age=_LIFE_S if token else 0,
            path="/",
            secure=page.base_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
    )
    return answer


async def only_staff(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """The guard of every route of the console. LoggedOut; Problem 403 for a role that may not, 404 for no path at all."""
    services: Services = connection.app.state.services
    token = token_of(connection.cookies, services)
    who = None
    if token is not None:
        async with services.pool.acquire() as database:
            who = await find_staff_here(database, token)
    if who is None or not isinstance(connection, Request):
        raise LoggedOut
    connection.scope["user"], connection.scope["auth"] = who, token
    if not storable(connection.scope["path"]):
        raise not_found()  # no id can be that, and a query would not survive it
    if who.role not in roles_of(connection.method, connection.scope["path_template"]):
        raise not_your_role(who.role)


def not_your_role(_role: Role) -> Problem:
    """403 for a page that is there, but not for this role."""
    return Problem(
        403,
        "not_your_role",
        marked("This is not for your role"),
        marked("Ask an owner or a manager to do it, or to give you another role."),
    )


def open_staff(page: Page, *roles: Role) -> Staffed:
    """Who has passed the guard. Problem 403 for any but these roles, where some are named beside the table."""
    request = page.request
    who, token = request.scope.get("user"), request.scope.get("auth")
    if not isinstance(who, StaffHere) or not isinstance(token, str):
        raise LoggedOut
    if roles and who.role not in roles:
        raise not_your_role(who.role)
    return Staffed(page, who, token)
