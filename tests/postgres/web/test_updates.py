"""Artifacts of updates as terminals load them, and the keys that come with a claim."""

from __future__ import annotations

import hashlib

import msgspec

from coinslot.fleet import releases
from coinslot.terminal.identity import Identity
from coinslot.web.updates import MOST_BYTES
from tests.postgres.fleet.test_updates import signed
from tests.postgres.web.conftest import Api, House
from tests.postgres.web.test_other_routes import claim, new_code
from tests.support.releases import KEY

ARTIFACT = hashlib.shake_256(b"served").digest(MOST_BYTES + 1_000)


async def test_a_terminal_is_given_its_keys_and_loads_by_ranges(api: Api, house: House) -> None:
    async with api.pool.acquire() as connection:
        await releases.trust_key(connection, house.operator, key=KEY, name="maker", by="test")
        await releases.add_release(
            connection, house.operator, signed(artifact=ARTIFACT), ARTIFACT, url="", by="test"
        )
    identity = msgspec.json.decode((await claim(api, await new_code(api, house))).content, type=Identity)
    assert (identity.update_keys, identity.operator_id) == ((KEY,), house.operator)

    path = f"/updates/{hashlib.sha256(ARTIFACT).hexdigest()}"
    whole = await api.http.get(path)
    assert (whole.status_code, whole.content) == (200, ARTIFACT)
    assert "immutable" in whole.headers["cache-control"]
    held = b""
    while len(held) < len(ARTIFACT):
        part = await api.http.get(path, headers={"Range": f"bytes={len(held)}-"})
        assert part.status_code == 206
        last = len(held) + len(part.content) - 1
        assert part.headers["content-range"] == f"bytes {len(held)}-{last}/{len(ARTIFACT)}"
        held += part.content
    assert held == ARTIFACT
    short = await api.http.get(path, headers={"Range": "bytes=5-9"})
    assert short.content == ARTIFACT[5:10]
    for odd, status in (
        (f"bytes={len(ARTIFACT)}-", 416),
        ("bytes=9-5", 416),
        ("bytes=-5", 200),
        ("items=0-", 200),
        (f"bytes={10**11}-", 416),
    ):
        assert (await api.http.get(path, headers={"Range": odd})).status_code == status, odd
    for nothing in ("0" * 64, "x", "..%2f..", "%00" * 64):
        assert (await api.http.get(f"/updates/{nothing}")).status_code == 404
