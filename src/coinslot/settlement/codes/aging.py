"""What time alone does to codes: what is old is forgotten, and an alarm ends when its tries do not count any more."""

from __future__ import annotations

from typing import Final

from coinslot.access import guarding
from coinslot.settlement.changes import AlarmKind
from coinslot.settlement.codes.guard import KEYPAD_TRIES, SITE_KEYPADS, SITE_TRIES, milliseconds
from coinslot.settlement.payments.unit import Connection, clock

# A customer's page shows what became of a code for a week; whoever types an old one within it is told so, and until
# then its digits are nobody else's.
_FORGET_CODES: Final = "DELETE FROM keypad_code WHERE made_at < now() - interval '7 days'"
_FORGET_ANSWERS: Final = "DELETE FROM keypad_answer WHERE answered_at < now() - interval '10 minutes'"
_OVER: Final = """
    WITH standing AS (
        SELECT x.operator_id, x.alarm_id, x.outlet, x.terminal_id, t.site_id
        FROM alarm x JOIN terminal t ON t.operator_id = x.operator_id AND t.terminal_id = x.terminal_id
        WHERE x.kind = $1 AND x.cleared_at IS NULL
    ), counted AS (
        SELECT s.operator_id, s.alarm_id, s.outlet IS NULL AS of_site, coalesce(sum(n.tries), 0) AS tries,
               count(*) FILTER (WHERE n.tries >= $3) AS keypads
        FROM standing s
        JOIN terminal t ON t.operator_id = s.operator_id AND t.site_id = s.site_id
             AND (s.outlet IS NULL OR t.terminal_id = s.terminal_id)
        LEFT JOIN keypad_guard g ON g.operator_id = t.operator_id AND g.terminal_id = t.terminal_id
             AND g.outlet = COALESCE(s.outlet, g.outlet)
        CROSS JOIN LATERAL (SELECT count(*) AS tries FROM unnest(g.wrong_ms) AS w(at) WHERE w.at > $2) n
        GROUP BY s.operator_id, s.alarm_id, s.outlet
    )
    UPDATE alarm a SET cleared_at = now() FROM counted c
    WHERE a.operator_id = c.operator_id AND a.alarm_id = c.alarm_id AND a.cleared_at IS NULL
      AND CASE WHEN c.of_site THEN c.tries < $4 AND c.keypads < $5 ELSE c.tries < $3 END
"""


async def forget_old_keypad_codes(connection: Connection) -> int:
    """Delete what serves nobody any more, and end alarms that have decayed; how many codes are gone."""
    since_ms = milliseconds(await clock(connection)) - guarding.WINDOW_MS
    await connection.execute(_OVER, AlarmKind.SWEEP.value, since_ms, KEYPAD_TRIES, SITE_TRIES, SITE_KEYPADS)
    await connection.execute(_FORGET_ANSWERS)
    gone = await connection.execute(_FORGET_CODES)
    return int(gone.rpartition(" ")[2])
