-- Providers' daily bills: each line as it stood there, what a day came to, and where it does not agree with our books.

CREATE TABLE provider_bill (
    operator_id text COLLATE "C" NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    day         date NOT NULL,                   -- in the provider's time zone
    begins_at   timestamptz NOT NULL,            -- the day's two ends
    ends_at     timestamptz NOT NULL,
    next_at     timestamptz,                     -- when to fetch it, or to fetch it again; null: compared
    tries       integer NOT NULL DEFAULT 0,
    error       text NOT NULL DEFAULT '',        -- why it is not there yet, in the provider's word
    fetched_at  timestamptz,
    compared_at timestamptz,
    lines       integer NOT NULL DEFAULT 0,
    review_id   bigint,                          -- a person is told that it cannot be had
    PRIMARY KEY (operator_id, merchant_id, day),
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    CHECK (begins_at < ends_at),
    CHECK (compared_at IS NULL OR fetched_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX provider_bill_due ON provider_bill (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE provider_bill_line (
    operator_id  text COLLATE "C" NOT NULL,
    merchant_id  text COLLATE "C" NOT NULL,
    day          date NOT NULL,
    line         integer NOT NULL,
    kind         text COLLATE "C" NOT NULL CHECK (kind IN ('payment', 'refund', 'other')),
    ref          text COLLATE "C" NOT NULL,      -- the provider's id of a payment, our number of a refund
    number       text COLLATE "C" NOT NULL,
    provider_id  text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor    bigint NOT NULL,
    at           timestamptz NOT NULL,
    raw          text NOT NULL,                  -- as it stood there, but for who has paid
    PRIMARY KEY (operator_id, merchant_id, day, line),
    FOREIGN KEY (operator_id, merchant_id, day) REFERENCES provider_bill
);
CREATE INDEX provider_bill_line_of ON provider_bill_line (operator_id, ref);

-- What a day came to in one currency: theirs by the bill, ours by the books, of what is in the bill or should be.
CREATE TABLE provider_bill_total (
    operator_id    text COLLATE "C" NOT NULL,
    merchant_id    text COLLATE "C" NOT NULL,
    day            date NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    payments       integer NOT NULL,
    refunds        integer NOT NULL,
    paid_minor     bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    fees_minor     bigint NOT NULL,
    our_paid_minor bigint NOT NULL,
    our_refunded_minor bigint NOT NULL,
    PRIMARY KEY (operator_id, merchant_id, day, currency),
    FOREIGN KEY (operator_id, merchant_id, day) REFERENCES provider_bill
);

CREATE TABLE provider_bill_difference (
    operator_id  text COLLATE "C" NOT NULL,
    merchant_id  text COLLATE "C" NOT NULL,
    day          date NOT NULL,
    what         text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    ref          text COLLATE "C" NOT NULL,
    number       text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    theirs       text NOT NULL,                  -- amount or number, as the provider has it; empty: nothing
    ours         text NOT NULL,
    found_at     timestamptz NOT NULL DEFAULT now(),
    solved_at    timestamptz,                    -- the two sides agree since then
    review_id    bigint NOT NULL,
    PRIMARY KEY (operator_id, merchant_id, day, what, kind, ref),
    FOREIGN KEY (operator_id, merchant_id, day) REFERENCES provider_bill,
    FOREIGN KEY (operator_id, review_id) REFERENCES review
);
CREATE INDEX provider_bill_difference_open ON provider_bill_difference (operator_id, merchant_id, day)
    WHERE solved_at IS NULL;

CREATE INDEX provider_payment_taken ON provider_payment (operator_id, merchant_id, at);
CREATE INDEX refund_ended ON refund (operator_id, merchant_id, ended_at) WHERE state = 'succeeded';

GRANT SELECT, INSERT, UPDATE ON provider_bill, provider_bill_difference TO coinslot_app;
-- A bill that is fetched again is kept as it is now.
GRANT SELECT, INSERT, DELETE ON provider_bill_line, provider_bill_total TO coinslot_app;
