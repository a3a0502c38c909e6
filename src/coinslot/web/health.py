"""Whether this process can do its work: asked by load balancers, doctors and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.web.api.bodies import Health
from coinslot.web.services import Services

_PATIENCE_S: Final = 2.0
OK: Final = "ok"


@get("/healthz", include_in_schema=False)
async def healthz(services: NamedDependency[SkipValidation[Services]]) -> Response[Health]:
    """200 when database and broker answer within two seconds, else 503 and which of them does not."""
    database, broker = await asyncio.gather(
        _tried(services.pool.fetchval("SELECT 1")), _tried(services.check_broker())
    )
    status = 200 if database == broker == OK else 503
    return Response(Health(database=database, broker=broker), status_code=status)


async def _tried(asking: Awaitable[object]) -> str:
    try:
        await asyncio.wait_for(asking, _PATIENCE_S)
    except UNANSWERED as error:
        # Only the kind of error: its text may name hosts and users.
        return f"no answer ({type(error).__name__})"
    return OK
