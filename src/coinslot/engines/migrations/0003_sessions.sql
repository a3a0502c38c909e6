-- Sessions, where each terminal's link and journal stand, and what a person has to look at.

CREATE TABLE terminal_link (
    operator_id    text COLLATE "C" NOT NULL,
    terminal_id    text COLLATE "C" NOT NULL,
    link           bigint NOT NULL DEFAULT 0,
    online         boolean NOT NULL DEFAULT false,
    link_began_at  timestamptz,             -- when the first hello of `link` came: the server's zero of link time
    epoch          text COLLATE "C",        -- the journal in force; null before the first hello
    acked_seq      bigint NOT NULL DEFAULT 0,
    hello_at_ms    bigint NOT NULL DEFAULT 0, -- link time at which its last hello was composed …
    hello_next_seq bigint NOT NULL DEFAULT 1, -- … and the records below this existed then
    boot           bigint NOT NULL DEFAULT 0,
    firmware       text NOT NULL DEFAULT '',
    changed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, terminal_id),
    FOREIGN KEY (operator_id, terminal_id) REFERENCES terminal
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX terminal_link_by_id ON terminal_link (terminal_id);

-- Journals that are over: a terminal that speaks of one again has been rolled back or copied.
CREATE TABLE retired_epoch (
    operator_id text COLLATE "C" NOT NULL,
    terminal_id text COLLATE "C" NOT NULL,
    epoch       text COLLATE "C" NOT NULL,
    acked_seq   bigint NOT NULL,
    retired_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, terminal_id, epoch)
);

CREATE TABLE session (
    operator_id     text COLLATE "C" NOT NULL REFERENCES operator,
    session_id      text COLLATE "C" NOT NULL,
    customer_id     text COLLATE "C" NOT NULL,
    appliance_id    text COLLATE "C" NOT NULL,
    terminal_id     text COLLATE "C" NOT NULL,
    outlet          smallint NOT NULL,
    state           text COLLATE "C" NOT NULL
        CHECK (state IN ('authorized', 'unknown', 'running', 'stopping', 'settled', 'released', 'late')),
    command_id      text COLLATE "C" NOT NULL,
    request_key     text COLLATE "C" NOT NULL,  -- the caller's idempotency key
    request_hash    bytea NOT NULL,             -- of what was asked for under it
    currency        text NOT NULL,
    quote           text NOT NULL,              -- frozen: the tariff's version rules, whatever is edited later
    limits          text NOT NULL,
    hold_principal_minor bigint NOT NULL CHECK (hold_principal_minor >= 0),
    hold_bonus_minor     bigint NOT NULL CHECK (hold_bonus_minor >= 0),
    link            bigint NOT NULL,            -- the start was made for this link …
    expires_at_ms   bigint NOT NULL,            -- … until this moment of its time
    expired_at      timestamptz NOT NULL,       -- from here on the terminal has certainly refused it
    give_up_at      timestamptz NOT NULL,       -- when the state's silence is settled without the terminal
    wake_at         timestamptz,                -- when to look next; null when there is nothing to wait for
    meter_spec      text NOT NULL,
    meter           text,                       -- registers so far, or doubt; null before the first
    epoch           text COLLATE "C",           -- the journal that holds its records
    started_at      timestamptz,
    stop_asked_at   timestamptz,
    stopped_at      timestamptz,
    duration_ms     bigint,                     -- by the terminal's ticks
    stop_reason     text,
    registers       text,                       -- usage by register, once settled
    charge_minor    bigint CHECK (charge_minor >= 0),
    captured_minor  bigint CHECK (captured_minor >= 0),
    arrears_minor   bigint NOT NULL DEFAULT 0 CHECK (arrears_minor >= 0),
    sensors         text,
    curve           text,
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    live            boolean NOT NULL GENERATED ALWAYS AS (state IN ('authorized', 'unknown', 'running', 'stopping')) STORED,
    PRIMARY KEY (operator_id, session_id),
    CHECK (captured_minor <= hold_principal_minor + hold_bonus_minor),
    CHECK (captured_minor <= charge_minor),
    CHECK ((state IN ('settled', 'late')) = (charge_minor IS NOT NULL)),
    CHECK ((state IN ('settled', 'released', 'late')) = (settled_at IS NOT NULL))
) WITH (fillfactor = 60);
-- Only the primary key begins with the operator: among several such indexes the planner, while it knows nothing of
-- the table, takes any, and reads all of an operator's sessions for each one it wants.
CREATE UNIQUE INDEX session_request ON session (request_key, operator_id);
-- By `live` and not by `state`: a change of state within it then touches no index, so the row is updated in
-- place (HOT). For the same reason wake_at has no index: whoever looks for what is due reads the live
-- sessions, which are at most as many as there are outlets.
CREATE UNIQUE INDEX one_live_session_per_outlet ON session (terminal_id, outlet) WHERE live;
CREATE INDEX session_of_customer ON session (customer_id, created_at);

-- What the allowances and yearly tiers of a tariff count, by customer and by day or year.
CREATE TABLE customer_use (
    operator_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    scope       text COLLATE "C" NOT NULL,
    register    text COLLATE "C" NOT NULL,
    used        bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (operator_id, customer_id, scope, register)
) WITH (fillfactor = 70);

-- Records that could not be agreed with, and sessions that settled in doubt: nothing is ever dropped.
CREATE TABLE review (
    operator_id text COLLATE "C" NOT NULL,
    review_id   bigint GENERATED ALWAYS AS IDENTITY,
    reason      text NOT NULL,
    session_id  text COLLATE "C",
    terminal_id text COLLATE "C",
    epoch       text COLLATE "C",
    seq         bigint,
    body        bytea,
    detail      text NOT NULL DEFAULT '',
    opened_at   timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz,
    closed_by   text,
    resolution  text,
    PRIMARY KEY (operator_id, review_id)
);
CREATE INDEX review_open ON review (operator_id, opened_at) WHERE closed_at IS NULL;
CREATE INDEX review_of_session ON review (operator_id, session_id);

CREATE TABLE alarm (
    operator_id text COLLATE "C" NOT NULL,
    alarm_id    bigint GENERATED ALWAYS AS IDENTITY,
    terminal_id text COLLATE "C" NOT NULL,
    outlet      smallint,
    kind        text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    raised_at   timestamptz NOT NULL DEFAULT now(),
    cleared_at  timestamptz,
    PRIMARY KEY (operator_id, alarm_id)
);
CREATE UNIQUE INDEX alarm_standing ON alarm (operator_id, terminal_id, COALESCE(outlet, -1), kind)
    WHERE cleared_at IS NULL;

-- Telemetry kept as history, a partition per month; written in batches, never read to decide money.
CREATE TABLE reading (
    operator_id text COLLATE "C" NOT NULL,
    terminal_id text COLLATE "C" NOT NULL,
    outlet      smallint NOT NULL,
    at          timestamptz NOT NULL,
    ticks_ms    bigint NOT NULL,
    session_id  text COLLATE "C",
    registers   text NOT NULL,
    flow_ml_per_min bigint,
    power_w     bigint,
    valve_open  boolean,
    sensors     text NOT NULL DEFAULT '{}'
) PARTITION BY RANGE (at);
CREATE INDEX reading_of_outlet ON reading (operator_id, terminal_id, outlet, at);
CREATE TABLE reading_other PARTITION OF reading DEFAULT;

-- The sweeper makes next month's partition ahead of time; the application role owns no table.
CREATE FUNCTION make_reading_partition(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    name text := 'reading_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass('public.' || quote_ident(name)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF reading FOR VALUES FROM (%L) TO (%L)',
                       name, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    END IF;
END $$;
REVOKE ALL ON FUNCTION make_reading_partition(date) FROM public;

-- How rows travel from the application: one array of these, see settlement/rows.py.
CREATE TYPE session_new AS (operator_id text, session_id text, customer_id text, appliance_id text, terminal_id text, outlet smallint, command_id text, request_key text, request_hash bytea, currency text, quote text, limits text, hold_principal_minor bigint, hold_bonus_minor bigint, link bigint, expires_at_ms bigint, expired_at timestamptz, meter_spec text, created_at timestamptz, state text, give_up_at timestamptz, wake_at timestamptz, epoch text);
CREATE TYPE session_change AS (operator_id text, session_id text, state text, give_up_at timestamptz, wake_at timestamptz, meter text, epoch text, started_at timestamptz, stop_asked_at timestamptz, stopped_at timestamptz, duration_ms bigint, stop_reason text, registers text, charge_minor bigint, captured_minor bigint, arrears_minor bigint, sensors text, curve text, settled_at timestamptz);
CREATE TYPE terminal_change AS (operator_id text, terminal_id text, link bigint, online boolean, link_began_at timestamptz, epoch text, acked_seq bigint, hello_at_ms bigint, hello_next_seq bigint, boot bigint, firmware text);

GRANT SELECT, INSERT, UPDATE ON terminal_link, session, customer_use, review, alarm TO coinslot_app;
GRANT SELECT, INSERT ON retired_epoch, reading TO coinslot_app;
GRANT EXECUTE ON FUNCTION make_reading_partition(date) TO coinslot_app;
