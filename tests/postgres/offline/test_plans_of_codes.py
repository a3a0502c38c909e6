"""What is asked for each code, each hello and each typed key is found by key, however many an operator has."""

from __future__ import annotations

import re

import pytest

from coinslot.engines.connect import KEYED, open_pool
from coinslot.settlement.codes import caps, guard, kept, places
from coinslot.settlement.codes import rows as codes
from coinslot.settlement.offline import issuing, reading, terms, typed

STATEMENTS = {
    "the place of an offline code": reading._PLACE,
    "a customer's offline codes": reading._CODES,
    "what an outlet sells": terms._OUTLETS,
    "whether a hello concerns offline codes": terms._CONCERNED,
    "a customer's other offline codes": issuing._OTHERS,
    "an offline code's digits": typed._MATCH,
    "an offline code's session": typed._SESSION,
    "where somebody types": kept._PLACE,
    "what is live at keypads": caps._COUNT,
    "keypads to be locked": guard._LOCK,
    "typed digits": codes._TYPED,
    "a customer's codes": codes._OPEN_OF,
    "a code of the same request": codes._BY_KEY,
    "an appliance's keypads": places._OF_APPLIANCE,
}
ALL_OF_AN_OPERATOR = re.compile(
    r"using (?!operator_pkey).*\n +Index Cond: \(operator_id = [^ ]+\)$|Seq Scan", re.M
)


@pytest.mark.fresh_database
async def test_a_plan_that_is_made_while_there_is_nothing_reads_by_key_for_ever(database_url: str) -> None:
    pool = await open_pool(database_url, min_size=1, max_size=1, planning=KEYED)
    bad: dict[str, str] = {}
    try:
        async with pool.acquire() as connection:
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            for number, (what, statement) in enumerate(STATEMENTS.items()):
                parameters = max(int(found) for found in re.findall(r"\$(\d+)", statement))
                await connection.execute(f"PREPARE s{number} AS {statement}")
                values = ", ".join(["NULL"] * parameters)
                rows = await connection.fetch(f"EXPLAIN EXECUTE s{number} ({values})")
                plan = "\n".join(row[0] for row in rows)
                if ALL_OF_AN_OPERATOR.search(plan):
                    bad[what] = plan
    finally:
        pool.terminate()
    assert bad == {}
