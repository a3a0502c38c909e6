"""Offers of releases: whose signature counts, who goes ahead, and what terminals say of them."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coinslot.app.seed import make_fleet
from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError, MissingError, TakenError
from coinslot.fleet import releases, updates
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.releases import SignedRelease, sign
from coinslot.fleet.store import create_operator
from coinslot.wire.ids import OperatorId, TerminalId
from coinslot.wire.messages import Updated, UpdateKind, UpdateStep
from coinslot.wire.statements import Statement
from tests.support.releases import KEY, MAKER, STRANGER

ARTIFACT = hashlib.shake_256(b"release").digest(600_000)


def signed(
    serial: int = 7, audience: str = "*", key: Ed25519PrivateKey = MAKER, artifact: bytes = ARTIFACT
) -> SignedRelease:
    about = Statement(
        kind=UpdateKind.SOFTWARE,
        serial=serial,
        version=f"1.{serial}",
        sha256=hashlib.sha256(artifact).hexdigest(),
        size=len(artifact),
        audience=audience,
    )
    return sign(key, about)


class Fleet:
    """An operator with three terminals that are connected."""

    def __init__(self, connection: Connection, operator: OperatorId, made: list[TerminalCredentials]) -> None:
        self.connection = connection
        self.operator = operator
        self.terminals = [TerminalId(one.terminal_id) for one in made]

    async def release(self, serial: int = 7) -> str:
        return await releases.add_release(
            self.connection, self.operator, signed(serial), ARTIFACT, url="", by="test"
        )

    async def offer(self, release: str, first: int = 0) -> str:
        return await updates.offer(
            self.connection, self.operator, release, self.terminals, first=first, by="test"
        )

    async def due(self) -> list[list[int]]:
        return [[one.serial for one in await updates.due_updates(self.connection, t)] for t in self.terminals]

    async def says(self, number: int, step: UpdateStep, serial: int = 7, detail: str = "") -> None:
        word = Updated(link=1, version="1", serial=serial, step=step, detail=detail)
        await updates.said(self.connection, self.terminals[number], word)

    async def steps(self, offer: str) -> list[str]:
        return [one.step for one in await updates.list_targets(self.connection, self.operator, offer)]


async def new_fleet(connection: Connection, name: str) -> Fleet:
    made = await create_operator(connection, name=name, currency="CNY", timezone="Asia/Shanghai", by="test")
    own = made.operator_id
    fleet = Fleet(connection, own, await make_fleet(connection, own, terminals=3))
    await releases.trust_key(connection, own, key=KEY.upper(), name="maker", by="test")
    await connection.execute("UPDATE terminal_link SET link = 4, online = true WHERE operator_id = $1", own)
    return fleet


async def test_the_rest_is_told_when_those_ahead_have_confirmed(pool: Pool, owner: Connection) -> None:
    fleet = await new_fleet(owner, "A")
    offer = await fleet.offer(await fleet.release(), first=2)
    assert await fleet.due() == [[7], [7], []]
    await fleet.says(0, UpdateStep.INSTALLED)
    await fleet.says(0, UpdateStep.FETCHING)
    assert await fleet.steps(offer) == ["installed", "waiting", "waiting"], (
        "what was said before is no step back"
    )
    await fleet.says(0, UpdateStep.CONFIRMED)
    await fleet.says(0, UpdateStep.REFUSED, detail="late")
    assert await fleet.due() == [[], [7], []]
    await fleet.says(1, UpdateStep.ROLLED_BACK, detail="not welcomed in 3 boots")
    assert await fleet.due() == [[], [], []], "one that went back holds the rest"
    await updates.widen_offer(owner, fleet.operator, offer, by="test")
    assert await fleet.due() == [[], [], [7]]
    await updates.stop_offer(owner, fleet.operator, offer, by="test")
    assert await fleet.due() == [[], [], []]
    await fleet.says(0, UpdateStep.ROLLED_BACK, detail="it does not stay up any more")
    assert await fleet.steps(offer) == ["rolled_back", "rolled_back", "waiting"]
    actions = await owner.fetch("SELECT action FROM audit WHERE object = $1 ORDER BY audit_id", offer)
    assert [row["action"] for row in actions] == [
        "update.offer",
        "update.confirmed",
        "update.rolled_back",
        "update.widen",
        "update.stop",
        "update.rolled_back",
    ]


async def test_a_newer_offer_replaces_the_one_before(pool: Pool, owner: Connection) -> None:
    fleet = await new_fleet(owner, "B")
    first = await fleet.offer(await fleet.release())
    await fleet.says(0, UpdateStep.FETCHING)
    await fleet.offer(await fleet.release(8))
    assert await fleet.steps(first) == ["replaced"] * 3
    assert await fleet.due() == [[8]] * 3
    await fleet.says(0, UpdateStep.CONFIRMED)
    assert await fleet.due() == [[8]] * 3, "its word of another serial counts for that one alone"


async def test_what_a_terminal_would_refuse_is_not_offered(pool: Pool, owner: Connection) -> None:
    fleet = await new_fleet(owner, "C")
    other = await new_fleet(owner, "D")

    async def add(one: SignedRelease, artifact: bytes = ARTIFACT) -> str:
        return await releases.add_release(owner, fleet.operator, one, artifact, url="", by="test")

    for bad, field in (
        (signed(key=STRANGER), "signature"),
        (signed(audience=other.operator), "audience"),
        (signed(artifact=b"another"), "file"),
    ):
        with pytest.raises(FieldError) as refused:
            await add(bad)
        assert refused.value.field == field
    release = await add(signed(audience=fleet.operator))
    assert await add(signed(audience=fleet.operator)) == release
    with pytest.raises(TakenError):
        await add(signed(artifact=b"another"), b"another")
    with pytest.raises(MissingError):
        await updates.offer(owner, other.operator, release, other.terminals, first=0, by="test")
    with pytest.raises(FieldError):
        await updates.offer(owner, fleet.operator, release, fleet.terminals, first=4, by="test")
    await releases.end_key(owner, fleet.operator, key="maker", by="test")
    with pytest.raises(FieldError, match="trusted"):
        await add(signed(9))


async def test_another_operators_terminal_changes_nothing(pool: Pool, owner: Connection) -> None:
    fleet, other = await new_fleet(owner, "E"), await new_fleet(owner, "F")
    offer = await fleet.offer(await fleet.release())
    await other.says(0, UpdateStep.CONFIRMED)
    assert await fleet.steps(offer) == ["waiting"] * 3
    with pytest.raises(MissingError):
        await updates.stop_offer(owner, other.operator, offer, by="test")


async def test_pieces_of_an_artifact(pool: Pool, owner: Connection) -> None:
    fleet = await new_fleet(owner, "G")
    await fleet.release()
    digest = hashlib.sha256(ARTIFACT).hexdigest()
    async with pool.acquire() as connection:
        assert await releases.artifact_size(connection, digest) == len(ARTIFACT)
        for begin, end in ((0, 1), (262_143, 262_145), (0, len(ARTIFACT)), (524_288, 600_000)):
            assert await releases.artifact_part(connection, digest, begin, end) == ARTIFACT[begin:end]
        assert await releases.artifact_size(connection, "0" * 64) is None
