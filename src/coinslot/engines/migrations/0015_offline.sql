-- Codes that can be typed while a terminal has no link: on which terms, and the sessions they promise.
--
-- Order of locks: as in 0014; offline_terms and offline_code are written under the lock of their terminal_link.

-- The credit of one such code in minor units; 0: there are none.
ALTER TABLE site ADD COLUMN offline_credit_minor integer NOT NULL DEFAULT 0 CHECK (offline_credit_minor BETWEEN 0 AND 500);

-- The count of the code that a session was promised under; null for all others.
ALTER TABLE session ADD COLUMN token bigint CHECK (token IS NULL OR (token > 0 AND customer_id IS NOT NULL));
ALTER TABLE session DROP CONSTRAINT session_state_check;
ALTER TABLE session ADD CONSTRAINT session_state_check CHECK (state IN
    ('authorized', 'promised', 'unknown', 'running', 'stopping', 'settled', 'released', 'late'));
ALTER TABLE session ADD CONSTRAINT session_promise CHECK (state <> 'promised' OR token IS NOT NULL);
-- A promise keeps its hold, so it is live. Its expression cannot be changed in PostgreSQL before 17; the index goes with it.
ALTER TABLE session DROP COLUMN live;
ALTER TABLE session ADD COLUMN live boolean NOT NULL
    GENERATED ALWAYS AS (state IN ('authorized', 'promised', 'unknown', 'running', 'stopping')) STORED;
-- Sessions with a token stand beside one another and beside the one that the server started: which of them the outlet
-- was used for only its terminal knows, and it may tell much later. One index all the same, since all who look for the
-- live sessions of a terminal go by it; `token` never changes, so that a change of state still touches no index.
CREATE UNIQUE INDEX one_live_session_per_outlet ON session
    (terminal_id, outlet, (CASE WHEN token IS NULL THEN '' ELSE session_id END)) WHERE live;

-- Types of their own beside session_new_shown and session_change: rows of a server of the version before have fewer parts.
CREATE TYPE session_new_promised AS (operator_id text, session_id text, customer_id text, appliance_id text, terminal_id text, outlet smallint, command_id text, request_key text, request_hash bytea, currency text, quote text, limits text, hold_principal_minor bigint, hold_bonus_minor bigint, meter_spec text, created_at timestamptz, sharing text, intent_id text, merchant_id text, language text, balance_minor bigint, token bigint, state text, give_up_at timestamptz, wake_at timestamptz, link bigint, expires_at_ms bigint, expired_at timestamptz, epoch text);
CREATE TYPE session_change_promised AS (operator_id text, session_id text, state text, give_up_at timestamptz, wake_at timestamptz, link bigint, expires_at_ms bigint, expired_at timestamptz, meter text, epoch text, started_at timestamptz, stop_asked_at timestamptz, stopped_at timestamptz, duration_ms bigint, stop_reason text, registers text, charge_minor bigint, captured_minor bigint, arrears_minor bigint, sensors text, curve text, settled_at timestamptz);

-- On which terms an outlet takes codes without the link, as its terminal was told. The key is derived from terms_id by
-- the installation's secret and stands nowhere.
CREATE TABLE offline_terms (
    operator_id   text COLLATE "C" NOT NULL,
    terms_id      text COLLATE "C" NOT NULL,
    terminal_id   text COLLATE "C" NOT NULL,
    outlet        smallint NOT NULL CHECK (outlet BETWEEN 0 AND 255),
    appliance_id  text COLLATE "C" NOT NULL,
    epoch         text COLLATE "C" NOT NULL,   -- the journal that keeps which counts are burnt
    key_check     bytea NOT NULL CHECK (length(key_check) = 8), -- tells which of the installation's secrets made the key
    starting_code integer NOT NULL CHECK (starting_code BETWEEN 1 AND 999999999),
    value         integer NOT NULL CHECK (value BETWEEN 0 AND 995),
    first_count   integer NOT NULL CHECK (first_count >= 0),
    last_count    integer NOT NULL,            -- of the last code made
    credit_minor  integer NOT NULL CHECK (credit_minor BETWEEN 1 AND 500),
    currency      text NOT NULL,
    quote         text NOT NULL,               -- frozen, like …
    limits        text NOT NULL,               -- … what the credit pays for by it
    made_at       timestamptz NOT NULL DEFAULT now(),
    over_at       timestamptz,                 -- null while in force
    held          boolean NOT NULL DEFAULT false, -- whether the terminal's last hello named them
    told_link     bigint NOT NULL DEFAULT 0,   -- on which link it was last told …
    told_at       timestamptz,                 -- … and when
    PRIMARY KEY (operator_id, terms_id),
    FOREIGN KEY (operator_id, terminal_id) REFERENCES terminal,
    CHECK (last_count >= first_count)
);
CREATE UNIQUE INDEX offline_terms_in_force ON offline_terms (terminal_id, outlet) WHERE over_at IS NULL;
CREATE INDEX offline_terms_of_terminal ON offline_terms (terminal_id);

-- One code: the session that it promises. The digits stand nowhere; `mac` is their keyed hash.
CREATE TABLE offline_code (
    operator_id text COLLATE "C" NOT NULL,
    session_id  text COLLATE "C" NOT NULL,
    terms_id    text COLLATE "C" NOT NULL,
    count       integer NOT NULL CHECK (count > 0),
    terminal_id text COLLATE "C" NOT NULL,
    outlet      smallint NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    mac         bytea NOT NULL CHECK (length(mac) = 32),
    made_at     timestamptz NOT NULL,
    burnt_at    timestamptz,                   -- when a record told that its count is burnt; null: it may still open
    PRIMARY KEY (operator_id, session_id),
    FOREIGN KEY (operator_id, session_id) REFERENCES session,
    FOREIGN KEY (operator_id, terms_id) REFERENCES offline_terms
);
CREATE UNIQUE INDEX offline_code_count ON offline_code (terms_id, count);
CREATE INDEX offline_code_unburnt ON offline_code (terminal_id, outlet) WHERE burnt_at IS NULL;
CREATE INDEX offline_code_by_mac ON offline_code (mac);
CREATE INDEX offline_code_of_customer ON offline_code (customer_id, made_at);

GRANT SELECT, INSERT ON offline_terms, offline_code TO coinslot_app;
GRANT UPDATE (last_count, over_at, held, told_link, told_at) ON offline_terms TO coinslot_app;
GRANT UPDATE (burnt_at) ON offline_code TO coinslot_app;
