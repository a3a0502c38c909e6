-- Payments: what we want to collect, each try with a provider, what providers said, and money on its way back.
--
-- Order of locks, for every transaction: payment_intent (by id), then its attempts, refunds and withdrawal, then
-- ledger balances.

-- An operator's account with a provider. Its keys are not in the database.
CREATE TABLE merchant (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    merchant_id text COLLATE "C" NOT NULL,
    provider    text COLLATE "C" NOT NULL CHECK (provider ~ '^[a-z][a-z0-9_]{0,19}$'),
    account     text COLLATE "C" NOT NULL CHECK (account <> ''), -- the merchant's id with the provider
    app         text COLLATE "C" NOT NULL DEFAULT '',            -- the app's id, where the provider has such
    name        text NOT NULL CHECK (name <> ''),
    active      boolean NOT NULL DEFAULT true,                   -- whether new attempts may be made with it
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, merchant_id)
);
-- Money that arrives there is one operator's, never to be told apart later.
CREATE UNIQUE INDEX merchant_account ON merchant (provider, account);

CREATE TABLE payment_intent (
    operator_id    text COLLATE "C" NOT NULL REFERENCES operator,
    intent_id      text COLLATE "C" NOT NULL,
    request_key    text COLLATE "C" NOT NULL,
    request_hash   bytea NOT NULL CHECK (length(request_hash) = 32),
    purpose        text COLLATE "C" NOT NULL CHECK (purpose IN ('topup', 'direct_session')),
    customer_id    text COLLATE "C",
    currency       text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    bonus_minor    bigint NOT NULL DEFAULT 0 CHECK (bonus_minor >= 0),
    about          text NOT NULL DEFAULT '',     -- outlet and package of a direct payment, as its maker wrote it
    state          text COLLATE "C" NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'paid', 'partly_refunded', 'refunded', 'expired')),
    paid_by        text COLLATE "C",             -- the number of the attempt that paid it
    opened_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    paid_at        timestamptz,
    follow_at      timestamptz,                  -- the outbox: since when a start that was paid for is to follow
    PRIMARY KEY (operator_id, intent_id),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer,
    CHECK (purpose <> 'topup' OR customer_id IS NOT NULL),
    CHECK (purpose = 'topup' OR bonus_minor = 0),
    CHECK ((state IN ('open', 'expired')) = (paid_by IS NULL)),
    CHECK ((paid_by IS NULL) = (paid_at IS NULL)),
    CHECK (follow_at IS NULL OR (purpose = 'direct_session' AND paid_by IS NOT NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX payment_intent_request ON payment_intent (request_key, operator_id);
CREATE INDEX payment_intent_of_customer ON payment_intent (customer_id, opened_at);
CREATE INDEX payment_intent_open ON payment_intent (expires_at) WHERE state = 'open';
CREATE INDEX payment_intent_to_follow ON payment_intent (follow_at) WHERE follow_at IS NOT NULL;

CREATE TABLE payment_attempt (
    operator_id     text COLLATE "C" NOT NULL,
    number          text COLLATE "C" NOT NULL CHECK (number ~ '^[0-9a-zA-Z]{32}$'),
    intent_id       text COLLATE "C" NOT NULL,
    request_key     text COLLATE "C" NOT NULL,
    request_hash    bytea NOT NULL CHECK (length(request_hash) = 32),
    merchant_id     text COLLATE "C" NOT NULL,
    provider        text COLLATE "C" NOT NULL,
    channel         text COLLATE "C" NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    state           text COLLATE "C" NOT NULL DEFAULT 'new'
        CHECK (state IN ('new', 'create_unknown', 'pending', 'closing', 'closed', 'failed', 'succeeded')),
    mark            text COLLATE "C" NOT NULL DEFAULT '' CHECK (mark IN ('', 'late', 'duplicate', 'unwanted', 'disputed')),
    made_at         timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,        -- the provider itself refuses the money from here on
    created         text,                        -- how the payer is led to pay, as the provider answered
    error           text NOT NULL DEFAULT '',    -- the provider's last word against it
    provider_id     text COLLATE "C",            -- the provider's id of what was paid
    paid_at         timestamptz,
    polls           integer NOT NULL DEFAULT 0,
    next_poll_at    timestamptz,
    refunding_minor bigint NOT NULL DEFAULT 0,   -- of all refunds that are done or may yet be
    refunded_minor  bigint NOT NULL DEFAULT 0,   -- of those done
    PRIMARY KEY (operator_id, number),
    FOREIGN KEY (operator_id, intent_id) REFERENCES payment_intent,
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    CHECK ((state = 'succeeded') = (provider_id IS NOT NULL)),
    CHECK (state = 'succeeded' OR refunding_minor = 0),
    -- Nobody gets back more than was paid, whoever asks and how often.
    CONSTRAINT payment_attempt_over_refund CHECK (refunding_minor BETWEEN 0 AND amount_minor),
    CHECK (refunded_minor BETWEEN 0 AND refunding_minor)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX payment_attempt_number ON payment_attempt (number);
CREATE UNIQUE INDEX payment_attempt_paid_once ON payment_attempt (provider, provider_id) WHERE provider_id IS NOT NULL;
CREATE UNIQUE INDEX payment_attempt_request ON payment_attempt (request_key, operator_id);
CREATE INDEX payment_attempt_of_intent ON payment_attempt (intent_id);
CREATE INDEX payment_attempt_to_poll ON payment_attempt (next_poll_at) WHERE next_poll_at IS NOT NULL;

ALTER TABLE payment_intent ADD FOREIGN KEY (operator_id, paid_by) REFERENCES payment_attempt;

-- Every payment of a provider that the books have taken in, asked for or not: each once, and never changed.
CREATE TABLE provider_payment (
    operator_id  text COLLATE "C" NOT NULL,
    provider     text COLLATE "C" NOT NULL,
    provider_id  text COLLATE "C" NOT NULL CHECK (provider_id <> ''),
    merchant_id  text COLLATE "C" NOT NULL,
    number       text COLLATE "C",               -- the attempt it was taken for; null for money in suspense
    suspense_id  text COLLATE "C",               -- under which its entry is, where nobody had asked for it
    currency     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, provider, provider_id),
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    CHECK ((number IS NULL) = (suspense_id IS NOT NULL))
);
CREATE UNIQUE INDEX provider_payment_once ON provider_payment (provider, provider_id);
CREATE UNIQUE INDEX provider_payment_of_attempt ON provider_payment (operator_id, number) WHERE number IS NOT NULL;

-- What providers said, verified, before anybody acts on it. The payer's id is left out.
CREATE TABLE payment_inbox (
    operator_id     text COLLATE "C" NOT NULL,
    provider        text COLLATE "C" NOT NULL,
    merchant_id     text COLLATE "C" NOT NULL,
    notification_id text COLLATE "C" NOT NULL,
    event           text NOT NULL,               -- what it says, in our words
    body_hash       bytea NOT NULL CHECK (length(body_hash) = 32),
    state           text COLLATE "C" NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'applied', 'quarantined')),
    reason          text NOT NULL DEFAULT '',
    received_at     timestamptz NOT NULL DEFAULT now(),
    next_at         timestamptz NOT NULL DEFAULT now(), -- when to try, or to try again, to act on it
    tries           integer NOT NULL DEFAULT 0,         -- those that failed
    done_at         timestamptz,
    PRIMARY KEY (operator_id, provider, merchant_id, notification_id),
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    CHECK ((state = 'new') = (done_at IS NULL)),
    CHECK ((state = 'quarantined') = (reason <> ''))
) WITH (fillfactor = 80);
CREATE INDEX payment_inbox_new ON payment_inbox (next_at) WHERE state = 'new';
CREATE INDEX payment_inbox_quarantined ON payment_inbox (operator_id, received_at) WHERE state = 'quarantined';

-- Principal on its way back to the customer: by refunds of the payments it came from, the rest by hand.
CREATE TABLE withdrawal (
    operator_id   text COLLATE "C" NOT NULL,
    withdrawal_id text COLLATE "C" NOT NULL,
    request_key   text COLLATE "C" NOT NULL,
    request_hash  bytea NOT NULL CHECK (length(request_hash) = 32),
    customer_id   text COLLATE "C" NOT NULL,
    currency      text COLLATE "C" NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    by_hand_minor bigint NOT NULL DEFAULT 0 CHECK (by_hand_minor >= 0),
    paid_minor    bigint NOT NULL DEFAULT 0 CHECK (paid_minor >= 0),
    back_minor    bigint NOT NULL DEFAULT 0 CHECK (back_minor >= 0), -- failed for good and back in the wallet
    asked_at      timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    PRIMARY KEY (operator_id, withdrawal_id),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer,
    CHECK (by_hand_minor <= amount_minor),
    CHECK (paid_minor + back_minor <= amount_minor),
    CHECK ((paid_minor + back_minor = amount_minor) = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX withdrawal_request ON withdrawal (request_key, operator_id);
CREATE INDEX withdrawal_of_customer ON withdrawal (customer_id, asked_at);

CREATE TABLE refund (
    operator_id    text COLLATE "C" NOT NULL,
    number         text COLLATE "C" NOT NULL CHECK (number ~ '^[0-9a-zA-Z]{32}$'),
    request_key    text COLLATE "C" NOT NULL,
    attempt_number text COLLATE "C" NOT NULL,
    merchant_id    text COLLATE "C" NOT NULL,
    withdrawal_id  text COLLATE "C",
    why            text COLLATE "C" NOT NULL
        CHECK (why IN ('late', 'duplicate', 'unwanted', 'start_failed', 'unused', 'session', 'withdrawal')),
    currency       text COLLATE "C" NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    state          text COLLATE "C" NOT NULL DEFAULT 'requested'
        CHECK (state IN ('requested', 'processing', 'succeeded', 'closed', 'abnormal')),
    provider_id    text COLLATE "C",
    error          text NOT NULL DEFAULT '',
    tries          integer NOT NULL DEFAULT 0,
    sent_at        timestamptz,                  -- when the provider was last asked to do it
    next_at        timestamptz,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    ended_at       timestamptz,
    PRIMARY KEY (operator_id, number),
    FOREIGN KEY (operator_id, attempt_number) REFERENCES payment_attempt,
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    FOREIGN KEY (operator_id, withdrawal_id) REFERENCES withdrawal,
    CHECK ((why = 'withdrawal') = (withdrawal_id IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'closed')) = (ended_at IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'closed')) = (next_at IS NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX refund_number ON refund (number);
CREATE UNIQUE INDEX refund_request ON refund (request_key, operator_id);
CREATE INDEX refund_of_attempt ON refund (attempt_number);
CREATE INDEX refund_of_withdrawal ON refund (withdrawal_id) WHERE withdrawal_id IS NOT NULL;
CREATE INDEX refund_due ON refund (next_at) WHERE next_at IS NOT NULL;

-- What an attempt may still give back is kept with it, so that its own CHECK refuses an over-refund: the update
-- locks the row, and two who ask at once take turns.
CREATE FUNCTION refund_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was bigint := 0;
    had bigint := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (new.operator_id, new.number, new.attempt_number, new.amount_minor)
           IS DISTINCT FROM (old.operator_id, old.number, old.attempt_number, old.amount_minor) THEN
            RAISE EXCEPTION 'a refund''s payment and amount are never changed' USING ERRCODE = '23514';
        END IF;
        IF new.state = old.state THEN
            RETURN NULL;
        END IF;
        was := CASE WHEN old.state = 'closed' THEN 0 ELSE old.amount_minor END;
        had := CASE WHEN old.state = 'succeeded' THEN old.amount_minor ELSE 0 END;
    END IF;
    UPDATE payment_attempt a
    SET refunding_minor = a.refunding_minor - was + CASE WHEN new.state = 'closed' THEN 0 ELSE new.amount_minor END,
        refunded_minor = a.refunded_minor - had + CASE WHEN new.state = 'succeeded' THEN new.amount_minor ELSE 0 END
    WHERE a.operator_id = new.operator_id AND a.number = new.attempt_number;
    RETURN NULL;
END $$;
-- AFTER: a row that ON CONFLICT leaves out must not count.
CREATE TRIGGER refund_counted AFTER INSERT OR UPDATE ON refund FOR EACH ROW EXECUTE FUNCTION refund_counted();

-- One start for each direct payment, or none and its money back: whoever writes this row first has decided it, and
-- nobody may change it.
CREATE TABLE payment_start (
    operator_id text COLLATE "C" NOT NULL,
    intent_id   text COLLATE "C" NOT NULL,
    session_id  text COLLATE "C",                -- null where no start will follow and the payer gets the money back
    decided_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, intent_id),
    FOREIGN KEY (operator_id, intent_id) REFERENCES payment_intent,
    FOREIGN KEY (operator_id, session_id) REFERENCES session DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX payment_start_of_session ON payment_start (operator_id, session_id) WHERE session_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON merchant, payment_intent, payment_attempt, payment_inbox, withdrawal, refund TO coinslot_app;
GRANT SELECT, INSERT ON provider_payment, payment_start TO coinslot_app;
