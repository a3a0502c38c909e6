"""A request's effect and its answer, once for each `Idempotency-Key`, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, TypeVar

import msgspec
from litestar.params import HeaderParameter
from msgspec import Struct

from coinslot.audit import Connection
from coinslot.web.problems import Problem
from coinslot.wire.ids import OperatorId

if TYPE_CHECKING:
    from coinslot.web.services import Pool

KEY_HEADER: Final = "Idempotency-Key"
KEY_PATTERN: Final = r"^[!-~]{1,128}$"
Key: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name=KEY_HEADER,
        pattern=KEY_PATTERN,
        description="Of your choice, new for each thing done: 1 to 128 printable ASCII characters, no spaces.",
    ),
]
_KEPT_HOURS: Final = 24

A = TypeVar("A", bound=Struct)


async def once(
    pool: Pool,
    operator: OperatorId,
    key: str,
    asked: Struct,
    kind: type[A],
    work: Callable[[Connection], Awaitable[A]],
    *,
    about: str = "",
) -> A:
    """`work`'s answer, or the answer that the same request got under this key before.

    `about` is what of the request is not in its body, such as the path's id. Problem 409 when the key was used for
    something else. What fails leaves no trace, so that the same key may be tried again. Of two at once, the second
    waits for the first. Answers are kept for a day and hold no personal data.
    """
    digest = hashlib.sha256(
        b"\0".join((kind.__name__.encode(), about.encode(), msgspec.json.encode(asked)))
    ).digest()
    async with pool.acquire() as connection, connection.transaction():
        fresh = await connection.fetchval(
            "INSERT INTO api_answer (operator_id, request_key, request_hash) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING RETURNING true",
            operator,
            key,
            digest,
        )
        if not fresh:
            row = await connection.fetchrow(
                "SELECT request_hash, answer FROM api_answer WHERE operator_id = $1 AND request_key = $2",
                operator,
                key,
            )
            if row is None or row["request_hash"] != digest:
                raise key_conflict()
            return msgspec.json.decode(row["answer"], type=kind)
        answer = await work(connection)
        await connection.execute(
            "UPDATE api_answer SET answer = $3 WHERE operator_id = $1 AND request_key = $2",
            operator,
            key,
            msgspec.json.encode(answer),
        )
    return answer


def key_conflict() -> Problem:
    """409: this key stands for another request."""
    return Problem(
        409,
        "key_conflict",
        "Key used before",
        "This Idempotency-Key was used for another request; make a new one.",
    )


async def forget_old_answers(connection: Connection) -> int:
    """Delete answers older than a day: whoever asks again asks within minutes. How many there were."""
    done: str = await connection.execute(
        "DELETE FROM api_answer WHERE made_at < now() - make_interval(hours => $1)", _KEPT_HOURS
    )
    return int(done.rsplit(" ", 1)[1])
