"""Sessions that ended before there were messages are no news after the upgrade; those that end later are."""

from __future__ import annotations

import shutil
from pathlib import Path

from coinslot.engines import migrate as migrations
from coinslot.engines.connect import connect_owner, open_pool
from coinslot.settlement.aftermath import tell_ended

OLD = ("0001", "0002", "0003")
_SESSION = """
    INSERT INTO session (operator_id, session_id, customer_id, appliance_id, terminal_id, outlet, state, command_id,
        request_key, request_hash, currency, quote, limits, hold_principal_minor, hold_bonus_minor, link, expires_at_ms,
        expired_at, give_up_at, meter_spec, created_at, charge_minor, captured_minor, settled_at)
    VALUES ('opr_1', $1, 'cus_1', 'app_1', 'ter_1', 0, $2, $1, $1, '', 'CNY', '{}', '{}', 500, 0, 1, 1,
        now(), now(), '{}', now(), $3::bigint, $3::bigint, CASE WHEN $2 = 'running' THEN NULL ELSE now() END)
"""


async def test_only_what_ends_after_the_upgrade_is_told(empty_database_url: str, tmp_path: Path) -> None:
    for path in migrations.MIGRATIONS.glob("*.sql"):
        if path.name.startswith(OLD):
            shutil.copy(path, tmp_path)
    await migrations.migrate(empty_database_url, tmp_path)
    owner = await connect_owner(empty_database_url)
    try:
        await owner.execute(
            "INSERT INTO operator (operator_id, name, currency, timezone) VALUES ('opr_1', 'N', 'CNY', 'UTC');"
            "INSERT INTO site (operator_id, site_id, name, timezone) VALUES ('opr_1', 'sit_1', 'S', 'UTC');"
            "INSERT INTO customer (operator_id, customer_id, phone) VALUES ('opr_1', 'cus_1', '+8613912345678');"
            "INSERT INTO terminal (operator_id, terminal_id, site_id, name, secret_hash)"
            " VALUES ('opr_1', 'ter_1', 'sit_1', 'T', decode(repeat('00', 32), 'hex'));"
            "INSERT INTO terminal_link (operator_id, terminal_id) VALUES ('opr_1', 'ter_1')"
        )
        for name, state, charge in (("old", "settled", 100), ("gone", "released", None)):
            await owner.execute(_SESSION, f"ses_{name}", state, charge)
        await owner.execute(_SESSION, "ses_open", "running", None)
        await migrations.migrate(empty_database_url)
        pool = await open_pool(empty_database_url)
        try:
            async with pool.acquire() as connection:
                assert await tell_ended(connection) == 0
                await owner.execute(
                    "UPDATE session SET state = 'settled', charge_minor = 7, captured_minor = 7, settled_at = now()"
                    " WHERE session_id = 'ses_open'"
                )
                assert await tell_ended(connection) == 1
        finally:
            pool.terminate()
        assert [row[0] for row in await owner.fetch("SELECT about FROM message")] == ["ses_open"]
    finally:
        owner.terminate()
