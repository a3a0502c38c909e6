-- The console: which browser is logged in as which member of staff, who tried to, and statements handed out by address.

-- A token is kept as its SHA-256 only. It opens nothing after expires_at, nor 12 hours after seen_at.
CREATE TABLE console_login (
    operator_id text COLLATE "C" NOT NULL,
    token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
    staff_id    text COLLATE "C" NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (operator_id, token_hash),
    FOREIGN KEY (operator_id, staff_id) REFERENCES staff
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX console_login_by_token ON console_login (token_hash);
CREATE INDEX console_login_of_staff ON console_login (staff_id, operator_id);

-- Written before a password is compared, so that many who try at once are all counted. Names and addresses are hashed
-- with the installation's key. operator_id is empty where there is no such operator.
CREATE TABLE console_try (
    operator_id text COLLATE "C" NOT NULL,
    try_id      bigint GENERATED ALWAYS AS IDENTITY,
    login_hash  bytea NOT NULL CHECK (length(login_hash) = 32),
    source_hash bytea NOT NULL CHECK (length(source_hash) = 32),
    known       boolean NOT NULL,             -- from a browser that this person was logged in with before
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    right_at    timestamptz,                  -- when the password was found right
    PRIMARY KEY (operator_id, try_id)
);
CREATE INDEX console_try_of_login ON console_try (login_hash, made_at) WHERE right_at IS NULL;
CREATE INDEX console_try_of_source ON console_try (source_hash, made_at) WHERE right_at IS NULL;
CREATE INDEX console_try_made ON console_try (made_at);

-- A party has no login: it is given an address that shows one statement, and nothing else, until it expires.
CREATE TABLE statement_link (
    operator_id text COLLATE "C" NOT NULL,
    link_id     text COLLATE "C" NOT NULL,
    token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
    party_id    text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    first       date NOT NULL,
    last        date NOT NULL CHECK (last >= first),
    made_by     text NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    PRIMARY KEY (operator_id, link_id),
    FOREIGN KEY (operator_id, party_id) REFERENCES party
);
CREATE UNIQUE INDEX statement_link_by_token ON statement_link (token_hash);
CREATE INDEX statement_link_of_party ON statement_link (party_id, operator_id);

-- One payment's notifications, for its timeline. Our numbers have 32 characters; what else somebody may have sent as a
-- number is not indexed, so that no notification is ever too long to be stored.
CREATE INDEX payment_inbox_of_number ON payment_inbox (substring(event FROM '"number":"([0-9A-Za-z]{32})"'));
-- Somebody reads out what the provider calls a refund.
CREATE INDEX refund_of_provider ON refund (provider_id) WHERE provider_id IS NOT NULL;
-- The few payments with something out of the ordinary.
CREATE INDEX payment_attempt_odd ON payment_attempt (intent_id) WHERE mark <> '';

GRANT SELECT, INSERT, UPDATE, DELETE ON console_login, console_try TO coinslot_app;
GRANT SELECT, INSERT, UPDATE ON statement_link TO coinslot_app;
