-- Codes for keypads: who may open what with which digits, how each keypad stands against guessing, and pauses.
--
-- Order of locks, for every transaction: keypad_guard (by terminal and outlet), then keypad_code, then as in 0007:
-- terminal_link (by key), session, ledger balances.

-- Seconds for which a user may pause a session, all its pauses together; 0: not at all.
ALTER TABLE operator ADD COLUMN pause_s integer NOT NULL DEFAULT 300 CHECK (pause_s BETWEEN 0 AND 3600);

-- What a start tells the display; kept, so that a start sent again is the same.
ALTER TABLE session
    ADD COLUMN language text COLLATE "C" CHECK (language IN ('zh', 'en')),
    ADD COLUMN balance_minor bigint;
-- A type of its own beside session_new_direct: rows of a server of the version before have two parts less.
CREATE TYPE session_new_shown AS (operator_id text, session_id text, customer_id text, appliance_id text, terminal_id text, outlet smallint, command_id text, request_key text, request_hash bytea, currency text, quote text, limits text, hold_principal_minor bigint, hold_bonus_minor bigint, link bigint, expires_at_ms bigint, expired_at timestamptz, meter_spec text, created_at timestamptz, sharing text, intent_id text, merchant_id text, language text, balance_minor bigint, state text, give_up_at timestamptz, wake_at timestamptz, epoch text);

-- The digits are drawn from code_id and `draw` by the installation's key, and stand nowhere: `mac` is their keyed hash.
CREATE TABLE keypad_code (
    operator_id  text COLLATE "C" NOT NULL,
    code_id      text COLLATE "C" NOT NULL,
    customer_id  text COLLATE "C" NOT NULL,   -- whose wallet pays
    scope        text COLLATE "C" NOT NULL CHECK (scope IN ('outlet', 'room', 'long')),
    site_id      text COLLATE "C" NOT NULL,
    room         text NOT NULL DEFAULT '',    -- for any free keypad of it, where no outlet is named
    appliance_id text COLLATE "C",
    terminal_id  text COLLATE "C",
    outlet       smallint CHECK (outlet BETWEEN 0 AND 255),
    for_friend   boolean NOT NULL DEFAULT false,
    cap_minor    bigint CHECK (cap_minor > 0), -- at most so much is held
    request_key  text COLLATE "C" NOT NULL,
    draw         integer NOT NULL DEFAULT 0,  -- how often other digits were drawn: those before were seen elsewhere
    mac          bytea NOT NULL CHECK (length(mac) = 32),
    earlier_mac  bytea CHECK (length(earlier_mac) = 32), -- of the digits before, which open nothing
    made_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    how          text COLLATE "C" CHECK (how IN ('used', 'cancelled', 'expired')),
    session_id   text COLLATE "C",
    PRIMARY KEY (operator_id, code_id),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer,
    FOREIGN KEY (operator_id, site_id) REFERENCES site,
    CHECK ((ended_at IS NULL) = (how IS NULL)),
    CHECK ((how = 'used') = (session_id IS NOT NULL)),
    CHECK ((terminal_id IS NULL) = (outlet IS NULL) AND (terminal_id IS NULL) = (appliance_id IS NULL)),
    CHECK (terminal_id IS NOT NULL OR room <> ''),
    CHECK ((scope = 'outlet' AND terminal_id IS NOT NULL) OR (scope = 'room' AND terminal_id IS NULL) OR scope = 'long'),
    CHECK (for_friend = (cap_minor IS NOT NULL))
);
-- Whatever races: one of a customer's own, and one made for a friend. One that has expired is ended before the next.
CREATE UNIQUE INDEX keypad_code_one_live ON keypad_code (customer_id, operator_id, for_friend) WHERE ended_at IS NULL;
-- The hash is over operator and site too: the same digits never stand for two at one site.
CREATE UNIQUE INDEX keypad_code_by_mac ON keypad_code (mac);
CREATE INDEX keypad_code_by_earlier_mac ON keypad_code (earlier_mac) WHERE earlier_mac IS NOT NULL;
CREATE UNIQUE INDEX keypad_code_request ON keypad_code (request_key, customer_id, operator_id);
CREATE INDEX keypad_code_live_at ON keypad_code (terminal_id, outlet) WHERE ended_at IS NULL AND terminal_id IS NOT NULL;
CREATE INDEX keypad_code_live_in ON keypad_code (site_id, room) WHERE ended_at IS NULL AND terminal_id IS NULL;
CREATE INDEX keypad_code_made ON keypad_code (made_at);

-- How a keypad stands, by the server's own count: a terminal can be restored, or be somebody else's.
CREATE TABLE keypad_guard (
    operator_id  text COLLATE "C" NOT NULL,
    terminal_id  text COLLATE "C" NOT NULL,
    outlet       smallint NOT NULL CHECK (outlet BETWEEN 0 AND 255),
    wrong_ms     bigint[] NOT NULL DEFAULT '{}', -- wrong codes that still count, in milliseconds since 1970
    until_ms     bigint NOT NULL DEFAULT 0,      -- until then it takes long codes only
    long_ms      bigint,                         -- the last long code
    changed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, terminal_id, outlet),
    FOREIGN KEY (operator_id, terminal_id) REFERENCES terminal
) WITH (fillfactor = 70);
CREATE INDEX keypad_guard_guessed ON keypad_guard (changed_at) WHERE wrong_ms <> '{}';

-- What was answered to somebody at a keypad, for minutes: the same request again is the same answer.
CREATE TABLE keypad_answer (
    operator_id text COLLATE "C" NOT NULL,
    terminal_id text COLLATE "C" NOT NULL,
    outlet      smallint NOT NULL,
    request     text COLLATE "C" NOT NULL,
    answer      text NOT NULL DEFAULT '',         -- what the display was told; empty where …
    session_id  text COLLATE "C",                 -- … a session was begun
    answered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, terminal_id, outlet, request)
);
CREATE INDEX keypad_answer_old ON keypad_answer (answered_at);

GRANT SELECT, INSERT, DELETE ON keypad_code, keypad_answer TO coinslot_app;
GRANT UPDATE (draw, mac, earlier_mac, expires_at, ended_at, how, session_id) ON keypad_code TO coinslot_app;
GRANT SELECT, INSERT, UPDATE ON keypad_guard TO coinslot_app;
