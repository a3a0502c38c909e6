-- Direct payments: somebody without an account pays for one use on the appliance.
--
-- Order of locks, for every transaction: payment_intent (by id), then terminal_link (by key), then session, then what
-- belongs to an intent (attempts, refunds), then ledger balances.

-- Which room it belongs to: a front desk knows rooms, not appliances.
ALTER TABLE appliance ADD COLUMN room text NOT NULL DEFAULT '' CHECK (length(room) <= 40);

-- A session has a customer, whose wallet holds its money, or an intent, which holds it itself; what is left of that
-- goes back through the merchant that collected it. No foreign key: payment_start has one for the same pair, and this
-- would be looked at for every session.
ALTER TABLE session ALTER COLUMN customer_id DROP NOT NULL;
ALTER TABLE session
    ADD COLUMN intent_id   text COLLATE "C",
    ADD COLUMN merchant_id text COLLATE "C",
    -- The session is its own outbox: when what was left of a direct payment was asked back. Null while that is due.
    ADD COLUMN rest_at     timestamptz,
    ADD CONSTRAINT session_paid_by CHECK (CASE WHEN customer_id IS NULL
        THEN intent_id IS NOT NULL AND merchant_id IS NOT NULL AND hold_bonus_minor = 0 AND arrears_minor = 0
        ELSE intent_id IS NULL AND merchant_id IS NULL AND rest_at IS NULL END);
CREATE UNIQUE INDEX session_of_intent ON session (intent_id, operator_id) WHERE intent_id IS NOT NULL;
CREATE INDEX session_rest_due ON session (settled_at) WHERE intent_id IS NOT NULL AND settled_at IS NOT NULL AND rest_at IS NULL;

-- A type of its own beside session_new_shared, for the same reason as before: rows of a server of the version before
-- have two parts less, and no guest.
CREATE TYPE session_new_direct AS (operator_id text, session_id text, customer_id text, appliance_id text, terminal_id text, outlet smallint, command_id text, request_key text, request_hash bytea, currency text, quote text, limits text, hold_principal_minor bigint, hold_bonus_minor bigint, link bigint, expires_at_ms bigint, expired_at timestamptz, meter_spec text, created_at timestamptz, sharing text, intent_id text, merchant_id text, state text, give_up_at timestamptz, wake_at timestamptz, epoch text);

-- One code shown on one appliance: what was promised for it, kept for ever. Made with its intent and first attempt.
CREATE TABLE direct_order (
    operator_id  text COLLATE "C" NOT NULL,
    intent_id    text COLLATE "C" NOT NULL,
    terminal_id  text COLLATE "C" NOT NULL,
    outlet       smallint NOT NULL CHECK (outlet BETWEEN 0 AND 255),
    appliance_id text COLLATE "C" NOT NULL,
    request      text COLLATE "C" NOT NULL,  -- the terminal's id of the wish
    package      text COLLATE "C" NOT NULL,
    title        text NOT NULL,              -- the package's, as it was offered
    provider     text COLLATE "C" NOT NULL,
    merchant_id  text COLLATE "C" NOT NULL,
    quote        text NOT NULL,              -- frozen: whatever becomes of the tariff between code and payment
    sharing      text NOT NULL,              -- likewise of the agreement
    made_at      timestamptz NOT NULL DEFAULT now(),
    over_at      timestamptz,                -- when its outlet had done with it …
    outcome      text COLLATE "C" CHECK (outcome IN ('dropped', 'started', 'refunded', 'expired')), -- … and why
    PRIMARY KEY (operator_id, intent_id),
    FOREIGN KEY (operator_id, intent_id) REFERENCES payment_intent,
    FOREIGN KEY (operator_id, appliance_id) REFERENCES appliance,
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    CHECK ((outcome IS NULL) = (over_at IS NULL))
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX direct_order_request ON direct_order (terminal_id, request);
-- One code at a time on each outlet, whoever presses where and however many servers answer.
CREATE UNIQUE INDEX direct_order_open ON direct_order (terminal_id, outlet) WHERE over_at IS NULL;
CREATE INDEX direct_order_of_terminal ON direct_order (terminal_id, made_at);

GRANT SELECT, INSERT ON direct_order TO coinslot_app;
GRANT UPDATE (over_at, outcome) ON direct_order TO coinslot_app;
