"""Opening hours and quotas in the console: what the operator allows, and when."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.fields import FieldError, search_key
from coinslot.fleet.hours_store import list_hours, set_appliance_hours, set_site_hours
from coinslot.fleet.quotas import Period, Quota, list_quotas, remove_quota, set_quota
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import list_sites
from coinslot.money import MoneyError, parse_amount
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.pages import figures
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.wire.ids import ApplianceId, SiteId

_HOURS: Final = "/console/hours"
_QUOTAS: Final = "/console/quotas"
_PERIODS: Final = {Period.DAY: marked("a day"), Period.WEEK: marked("a week")}
KINDS: Final = {
    ApplianceKind.SHOWER: marked("Showers"),
    ApplianceKind.DISPENSER: marked("Dispensers"),
    ApplianceKind.DRYER: marked("Dryers"),
    ApplianceKind.PURIFIER: marked("Purifiers"),
    ApplianceKind.DIFFUSER: marked("Diffusers"),
    ApplianceKind.WASHER: marked("Washers"),
    ApplianceKind.GAS_METER: marked("Gas meters"),
    ApplianceKind.VENDING: marked("Vending machines"),
    ApplianceKind.OTHER: marked("Others"),
}


class QuotaLine(Struct, frozen=True, kw_only=True):
    """A quota in words."""

    id: str
    where: str
    what: str
    limits: str


@get(_HOURS)
async def hours_page(staffed: StaffedOf) -> Response[bytes]:
    """All sites and appliances, with their hours."""
    return await _hours(staffed)


@post(_HOURS)
async def set_hours(staffed: StaffedOf) -> Response[bytes]:
    """One site's, or one appliance's."""
    form = await staffed.form()
    site = search_key("site", form.text("site"))
    appliance = search_key("appliance", form.text("appliance"))
    text = " ".join(form.text("hours").split())
    try:
        async with staffed.pool.acquire() as connection:
            if appliance:
                where = ApplianceId(appliance)
                await set_appliance_hours(connection, staffed.operator, where, text, by=staffed.by)
            else:
                await set_site_hours(connection, staffed.operator, SiteId(site), text, by=staffed.by)
    except FieldError as error:
        return await _hours(staffed, wrong={appliance or site: error.reason}, typed=text[:500], status=422)
    return staffed.go(_HOURS)


@get(_QUOTAS)
async def quotas_page(staffed: StaffedOf) -> Response[bytes]:
    """All quotas, and a form for another."""
    return await _quotas(staffed)


@post(_QUOTAS)
async def add_quota(staffed: StaffedOf) -> Response[bytes]:
    """Another, or one in place of that for the same place and period."""
    form = await staffed.form()
    try:
        minutes = _number(form, "minutes", 1)
        async with staffed.pool.acquire() as connection:
            await set_quota(
                connection,
                staffed.operator,
                site_id=SiteId(search_key("site", form.text("site"))) if form.text("site") else None,
                kind=form.text("kind") or None,
                period=Period(form.text("period")),
                uses=_number(form, "uses", 1),
                ml=_number(form, "litres", 1_000),
                s=None if minutes is None else minutes * 60,
                amount_minor=parse_amount(form.text("amount"), staffed.who.currency)
                if form.text("amount")
                else None,
                by=staffed.by,
            )
    except (FieldError, MoneyError, ValueError):
        text = marked("Set at least one limit, each as a plain number above zero.")
        return await _quotas(staffed, wrong=staffed.say(text), status=422)
    return staffed.go(_QUOTAS)


@post(f"{_QUOTAS}/{{quota_id:str}}/remove")
async def drop_quota(staffed: StaffedOf, quota_id: FromPath[str]) -> Response[bytes]:
    """Nothing is counted by it any more."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        await remove_quota(connection, staffed.operator, quota_id, by=staffed.by)
    return staffed.go(_QUOTAS)


def _number(form: Form, name: str, times: int) -> int | None:
    text = form.text(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise FieldError(name, "must be a whole number")
    return int(text) * times


async def _hours(
    staffed: Staffed, *, wrong: dict[str, str] | None = None, typed: str = "", status: int = 200
) -> Response[bytes]:
    async with staffed.pool.acquire() as connection:
        lines = await list_hours(connection, staffed.operator)
    return staffed.show(
        "console/hours.html",
        status=status,
        sites=[list(lines_of) for _, lines_of in groupby(lines, key=lambda line: line.site_id)],
        wrong=wrong or {},
        typed=typed,
        may_act=staffed.may("POST", _HOURS),
    )


async def _quotas(staffed: Staffed, *, wrong: str = "", status: int = 200) -> Response[bytes]:
    async with staffed.pool.acquire() as connection:
        quotas = await list_quotas(connection, staffed.operator)
        sites = await list_sites(connection, staffed.operator)
    names = {site.site_id: site.name for site in sites}
    return staffed.show(
        "console/quotas.html",
        status=status,
        quotas=[_line(staffed, quota, names) for quota in quotas],
        sites=[(site.site_id, site.name) for site in sites],
        kinds=[(kind.value, staffed.say(word)) for kind, word in KINDS.items()],
        periods=[(period.value, staffed.say(word)) for period, word in _PERIODS.items()],
        wrong=wrong,
        may_act=staffed.may("POST", _QUOTAS),
    )


def _line(staffed: Staffed, quota: Quota, names: dict[SiteId, str]) -> QuotaLine:
    limits = []
    if quota.uses is not None:
        limits.append(staffed.say(marked("%(count)s uses"), count=quota.uses))
    if quota.ml is not None:
        limits.append(f"{figures.litres(quota.ml)} L")
    if quota.s is not None:
        limits.append(staffed.say(marked("%(count)s minutes"), count=quota.s // 60))
    if quota.amount_minor is not None:
        limits.append(figures.money(quota.amount_minor, staffed.who.currency))
    per = staffed.say(_PERIODS[quota.period])
    return QuotaLine(
        id=quota.quota_id,
        where=names.get(quota.site_id, quota.site_id) if quota.site_id else staffed.say(marked("Every site")),
        what=staffed.say(KINDS[ApplianceKind(quota.kind)])
        if quota.kind
        else staffed.say(marked("Everything")),
        limits=f"{', '.join(limits)} / {per}",
    )


HOURS: Final[list[HTTPRouteHandler]] = [hours_page, set_hours, quotas_page, add_quota, drop_quota]
