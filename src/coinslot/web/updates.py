"""Artifacts of updates, for terminals to load: public, named by their digest, proved by their signature alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response, Stream

from coinslot.fleet.releases import PIECE_BYTES, artifact_part, artifact_size
from coinslot.web.problems import not_found
from coinslot.web.services import Services

MOST_BYTES: Final = 4 * PIECE_BYTES
"""Of one answer to a request for a range: terminals on slow links ask again, and none holds a connection for long."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_RANGE: Final = re.compile(r"bytes=(\d{1,12})-(\d{1,12})?")


@get("/updates/{sha256:str}", include_in_schema=False)
async def artifact(
    request: Request[object, object, State],
    sha256: FromPath[str],
    services: NamedDependency[SkipValidation[Services]],
) -> Response[bytes] | Stream:
    """All of it, or the beginning of the range that is asked for."""
    if _DIGEST.fullmatch(sha256) is None:
        raise not_found()
    async with services.pool.acquire() as connection:
        size = await artifact_size(connection, sha256)
        if size is None:
            raise not_found()
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": f'"{sha256}"',
        }
        if asked is not None:
            begin, last = int(asked[1]), int(asked[2] or size - 1)
            end = min(size, last + 1, begin + MOST_BYTES)
            if begin >= end:
                return Response(b"", status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
            return Response(
                await artifact_part(connection, sha256, begin, end),
                status_code=206,
                headers=headers | {"Content-Range": f"bytes {begin}-{end - 1}/{size}"},
                media_type="application/octet-stream",
            )
    return Stream(
        _pieces(services, sha256, size),
        headers=headers | {"Content-Length": str(size)},
        media_type="application/octet-stream",
    )


async def _pieces(services: Services, sha256: str, size: int) -> AsyncIterator[bytes]:
    for begin in range(0, size, PIECE_BYTES):
        async with services.pool.acquire() as connection:
            part = await artifact_part(connection, sha256, begin, min(size, begin + PIECE_BYTES))
        yield part
