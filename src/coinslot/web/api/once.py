"""A request's effect and its answer, once for each `Idempotency-Key`, in one transaction."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from litestar.params import HeaderParameter
from msgspec import Struct

from coinslot.audit import Connection
from coinslot.keyring import Purpose, mac
from coinslot.web.api.refusals import key_conflict
from coinslot.web.services import Services
from coinslot.wire.ids import OperatorId

KEY_HEADER: Final = "Idempotency-Key"
KEY_PATTERN: Final = r"^[!-~]{1,128}$"
Key: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name=KEY_HEADER,
        pattern=KEY_PATTERN,
        description=(
            "Of your choice, new for each thing done: 1 to 128 printable ASCII characters, no spaces. It is kept,"
            " so put nobody's number or name into it."
        ),
    ),
]
KEPT_HOURS: Final = 24

A = TypeVar("A", bound=Struct)

_INSERT = (
    "INSERT INTO api_answer (operator_id, request_key, request_hash) VALUES ($1, $2, $3)"
    " ON CONFLICT DO NOTHING RETURNING true"
)
_FIND = "SELECT request_hash, answer FROM api_answer WHERE operator_id = $1 AND request_key = $2"
_SAVE = "UPDATE api_answer SET answer = $3 WHERE operator_id = $1 AND request_key = $2"


async def once(
    services: Services,
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
    waits for the first. Answers are kept for a day: `kind` may hold no personal data, and what was asked is kept as
    a keyed hash only.
    """
    parts = (operator, kind.__name__, about, msgspec.json.encode(asked).decode())
    hashes = [mac(secret, *parts) for secret in services.keyring.keys(Purpose.REQUEST)]
    async with services.pool.acquire() as connection, connection.transaction():
        while not await connection.fetchval(_INSERT, operator, key, hashes[0]):
            row = await connection.fetchrow(_FIND, operator, key)
            if row is None:
                continue  # forgotten in between, a day after it was made
            if True not in [hmac.compare_digest(one, row["request_hash"]) for one in hashes]:
                raise key_conflict()
            return msgspec.json.decode(row["answer"], type=kind)
        answer = await work(connection)
        await connection.execute(_SAVE, operator, key, msgspec.json.encode(answer))
    return answer


async def forget_old_answers(connection: Connection) -> int:
    """Delete answers older than a day: whoever asks again asks within minutes. How many there were."""
    done: str = await connection.execute(
        "DELETE FROM api_answer WHERE made_at < now() - make_interval(hours => $1)", KEPT_HOURS
    )
    return int(done.rsplit(" ", 1)[1])
