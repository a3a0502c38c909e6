-- Customers who come by themselves: how they prove who they are, and what they are told.

ALTER TABLE operator
    ADD COLUMN real_name text COLLATE "C" NOT NULL DEFAULT 'not_asked'
        CHECK (real_name IN ('not_asked', 'before_first_use')),
    -- Points for each major unit captured (a yuan, a euro), parts rounded down.
    ADD COLUMN points_per_major integer NOT NULL DEFAULT 0 CHECK (points_per_major BETWEEN 0 AND 1000),
    -- A number that nobody proved for so long may have been given to somebody else.
    ADD COLUMN phone_trust_days integer NOT NULL DEFAULT 90 CHECK (phone_trust_days BETWEEN 7 AND 3650);

ALTER TABLE customer
    ADD COLUMN language text COLLATE "C" NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    -- When the owner of `phone` last proved to be the owner.
    ADD COLUMN phone_proved_at timestamptz;

-- Codes sent to phones. Neither number nor code can be read from here: both are keyed hashes.
CREATE TABLE login_code (
    operator_id   text COLLATE "C" NOT NULL REFERENCES operator,
    login_code_id text COLLATE "C" NOT NULL,
    phone_hash    bytea NOT NULL CHECK (length(phone_hash) = 32),
    code_hash     bytea NOT NULL CHECK (length(code_hash) = 32),
    source_hash   bytea NOT NULL CHECK (length(source_hash) = 32), -- of the address that asked for it
    tries         smallint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5), -- the wrong ones
    made_at       timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,              -- used, or replaced by a newer one
    PRIMARY KEY (operator_id, login_code_id)
);
CREATE INDEX login_code_of_phone ON login_code (phone_hash, made_at);
CREATE INDEX login_code_of_source ON login_code (source_hash, made_at);
CREATE INDEX login_code_of_operator ON login_code (operator_id, made_at);
CREATE INDEX login_code_made ON login_code (made_at);
CREATE INDEX login_code_guessed ON login_code (made_at) WHERE tries > 0;

-- Somebody had the right code, for the number of a customer that a code alone does not open any more.
CREATE TABLE login_proof (
    operator_id text COLLATE "C" NOT NULL,
    proof_hash  bytea NOT NULL CHECK (length(proof_hash) = 32),
    customer_id text COLLATE "C" NOT NULL,
    phone_hash  bytea NOT NULL CHECK (length(phone_hash) = 32), -- the customer may have another number by now
    tries       smallint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 3),
    made_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (operator_id, proof_hash),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer
);
CREATE INDEX login_proof_of_customer ON login_proof (operator_id, customer_id, made_at);
CREATE INDEX login_proof_made ON login_proof (made_at);

-- A browser's cookie holds one token; with it somebody may be logged in at several operators.
CREATE TABLE browser_login (
    operator_id text COLLATE "C" NOT NULL,
    token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
    customer_id text COLLATE "C" NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (operator_id, token_hash),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer
) WITH (fillfactor = 80);
CREATE INDEX browser_login_by_token ON browser_login (token_hash);
CREATE INDEX browser_login_of_customer ON browser_login (operator_id, customer_id);
CREATE INDEX browser_login_expiry ON browser_login (expires_at);

-- One key for each person, wrapped by the installation's: with it gone, what it sealed is gone everywhere.
CREATE TABLE person_key (
    operator_id  text COLLATE "C" NOT NULL,
    customer_id  text COLLATE "C" NOT NULL,
    wrapped      bytea,
    made_at      timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    PRIMARY KEY (operator_id, customer_id),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

CREATE TABLE real_name (
    operator_id    text COLLATE "C" NOT NULL,
    real_name_id   text COLLATE "C" NOT NULL,
    customer_id    text COLLATE "C" NOT NULL,
    state          text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'rejected')),
    name_sealed    bytea,                   -- like the number gone once rejected: …
    number_sealed  bytea,
    picture_sealed bytea,                   -- … the picture once decided: nothing is kept longer than it serves
    number_hash    bytea CHECK (length(number_hash) = 32), -- the same number in another account is seen
    submitted_at   timestamptz NOT NULL DEFAULT now(),
    decided_at     timestamptz,
    decided_by     text,
    reason         text NOT NULL DEFAULT '', -- pending: what the reviewer should know; rejected: what the customer is told
    PRIMARY KEY (operator_id, real_name_id),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer,
    CHECK ((state = 'pending') = (decided_at IS NULL)),
    CHECK ((state = 'pending') = (picture_sealed IS NOT NULL)),
    CHECK (CASE WHEN state = 'rejected' THEN num_nonnulls(name_sealed, number_sealed, number_hash) = 0
                ELSE num_nulls(name_sealed, number_sealed, number_hash) = 0 END)
);
CREATE UNIQUE INDEX real_name_in_force ON real_name (operator_id, customer_id) WHERE state <> 'rejected';
CREATE INDEX real_name_pending ON real_name (operator_id, submitted_at) WHERE state = 'pending';
CREATE INDEX real_name_by_number ON real_name (number_hash, operator_id);

-- The session is its own outbox: what follows its end (points, the bill's message) is done once, then noted here.
-- Which end was told, by its settled_at: one that is released, and used all the same, ends a second time.
ALTER TABLE session ADD COLUMN told_at timestamptz;
-- Those that ended before there were messages are no news.
UPDATE session SET told_at = settled_at WHERE settled_at IS NOT NULL;
CREATE INDEX session_untold ON session (settled_at) WHERE settled_at IS NOT NULL AND told_at IS DISTINCT FROM settled_at;

-- What customers are told, on its way. The phone is not copied here: it is read when the message leaves.
CREATE TABLE message (
    operator_id text COLLATE "C" NOT NULL,
    message_id  text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    about       text COLLATE "C" NOT NULL,  -- the session, the withdrawal, …
    state       text COLLATE "C" NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
    tries       smallint NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    sent_by     text,                       -- the channel and the provider's own number for it
    error       text,
    made_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, message_id),
    FOREIGN KEY (operator_id, customer_id) REFERENCES customer
);
CREATE UNIQUE INDEX message_once ON message (operator_id, kind, about);
CREATE INDEX message_queued ON message (next_at) WHERE state = 'queued';

GRANT SELECT, INSERT, UPDATE ON login_code, login_proof, browser_login, person_key, real_name, message TO coinslot_app;
GRANT DELETE ON login_code, login_proof, browser_login, real_name TO coinslot_app;

-- Answers of the HTTP API under the caller's key: the same request again gets the same answer, and has no effect.
CREATE TABLE api_answer (
    operator_id  text COLLATE "C" NOT NULL REFERENCES operator,
    request_key  text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    answer       bytea,                     -- null only while its transaction runs
    made_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, request_key)
);
CREATE INDEX api_answer_made ON api_answer (made_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_answer TO coinslot_app;
