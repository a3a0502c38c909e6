"""Customers from a file: uploaded, looked at line by line, then brought in.

Between the look and the deed the file travels in the page, packed: it is kept nowhere until its customers are.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from coinslot.fields import InputError
from coinslot.settlement.importing.bringing import (
    Brought,
    ChangedMeanwhile,
    NotAllGood,
    Preview,
    bring_in,
    errors_csv,
    preview,
)
from coinslot.settlement.importing.reading import MOST_BYTES, MOST_LINES, FileError
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.problems import Problem

_PATH: Final = "/console/import"
_MAX_BODY: Final = 2 * MOST_BYTES
_SHOWN: Final = 100
"""Faults, and good lines, that the page lists; the file has them all."""


@get(_PATH)
async def import_page(staffed: StaffedOf) -> Response[bytes]:
    """Choose a file."""
    return _show(staffed)


@post(_PATH, status_code=200, request_max_body_size=_MAX_BODY)
async def look(staffed: StaffedOf) -> Response[bytes]:
    """What the file would do; nothing is changed."""
    raw = (await staffed.form()).file("file")
    try:
        async with staffed.pool.acquire() as connection:
            seen = await preview(connection, staffed.operator, raw)
    except FileError as error:
        return _show(staffed, wrong=str(error), status=422)
    return _show(staffed, seen=seen, packed=_pack(raw))


@post(f"{_PATH}/bring-in", status_code=200, request_max_body_size=_MAX_BODY)
async def bring(staffed: StaffedOf) -> Response[bytes]:
    """Do it: everything, or with the faulty lines left out on purpose."""
    form = await staffed.form()
    raw = _unpacked(form)
    try:
        done, fresh = await bring_in(
            staffed.pool, staffed.operator, raw, skip_bad=bool(form.text("skip_bad")), by=staffed.by
        )
    except (NotAllGood, ChangedMeanwhile):
        # Somebody was registered since the look: it is shown as it is now.
        async with staffed.pool.acquire() as connection:
            seen = await preview(connection, staffed.operator, raw)
        wrong = staffed.say(marked("Nothing was brought in: look at the lines again."))
        return _show(staffed, seen=seen, packed=_pack(raw), wrong=wrong, status=409)
    except InputError as error:
        return _show(staffed, wrong=str(error), status=422)
    return _show(staffed, done=done, fresh=fresh)


@post(f"{_PATH}/faults", status_code=200, request_max_body_size=_MAX_BODY)
async def faults(staffed: StaffedOf) -> Response[bytes]:
    """All faults as CSV."""
    raw = _unpacked(await staffed.form())
    try:
        async with staffed.pool.acquire() as connection:
            seen = await preview(connection, staffed.operator, raw)
    except FileError as error:
        return _show(staffed, wrong=str(error), status=422)
    return Response(
        errors_csv(seen.file.errors),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="faults.csv"'},
    )


def _pack(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 6)).decode()


def _unpacked(form: Form) -> bytes:
    """Problem 400 for what no page of ours has packed; never more than a file may have."""
    try:
        packed = base64.b64decode(form.text("packed"), validate=True)
        reader = zlib.decompressobj()
        raw = reader.decompress(packed, MOST_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error):
        raw = b""
    if not raw:
        raise Problem(
            400, "no_form", marked("This cannot be read"), marked("Load the page again and try once more.")
        )
    return raw


def _show(
    staffed: Staffed,
    *,
    seen: Preview | None = None,
    packed: str = "",
    done: Brought | None = None,
    fresh: bool = False,
    wrong: str = "",
    status: int = 200,
) -> Response[bytes]:
    return staffed.show(
        "console/import.html",
        status=status,
        seen=seen,
        packed=packed,
        errors=() if seen is None else seen.file.errors[:_SHOWN],
        good=() if seen is None else seen.file.customers[:_SHOWN],
        shown=_SHOWN,
        done=done,
        fresh=fresh,
        done_at="" if done is None else staffed.moment(done.made_at),
        wrong=wrong,
        most=MOST_LINES,
    )


IMPORTING: Final[list[HTTPRouteHandler]] = [import_page, look, bring, faults]
