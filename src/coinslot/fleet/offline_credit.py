"""How much a code for the time without a link is good for at a site."""

from __future__ import annotations

from typing import Final

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.models import Site
from coinslot.fleet.offers import offers_changed
from coinslot.rows import one
from coinslot.wire.ids import OperatorId, SiteId

MAX_OFFLINE_CREDIT: Final = 500
"""Minor units of the operator's currency: nobody can be asked while such a code is used, so little is at stake."""


async def set_offline_credit(
    connection: Connection, operator_id: OperatorId, site_id: SiteId, credit_minor: int, *, by: str
) -> Site:
    """What one code holds, and can cost at most; 0: none are made. Codes made before stay as they were promised.

    The terminals of the site are told of it. FieldError, MissingError.
    """
    if not 0 <= credit_minor <= MAX_OFFLINE_CREDIT:
        raise FieldError(
            "offline_credit_minor",
            f"must be 0 (none) to {MAX_OFFLINE_CREDIT} minor units, not {credit_minor}: nobody can be asked while it is used",
        )
    async with connection.transaction():
        row = await connection.fetchrow(
            "UPDATE site SET offline_credit_minor = $3 WHERE operator_id = $1 AND site_id = $2 RETURNING *",
            operator_id,
            site_id,
            credit_minor,
        )
        if row is None:
            raise MissingError("site", site_id)
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="site.offline_credit",
            target=site_id,
            detail=f"offline_credit_minor={credit_minor}",
        )
        await offers_changed(connection, operator_id)
    return one(row, Site)
