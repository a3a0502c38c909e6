-- Money given back by the operator's own decision: who asked, who agreed, what was done. And counter cash as a provider.

-- What one member of staff may give back without a second person: in one refund, and in all those of 24 hours.
ALTER TABLE operator ADD COLUMN refund_alone_minor bigint NOT NULL DEFAULT 5000 CHECK (refund_alone_minor >= 0);

CREATE TABLE refund_decision (
    operator_id    text COLLATE "C" NOT NULL REFERENCES operator,
    request_id     text COLLATE "C" NOT NULL,
    request_key    text COLLATE "C" NOT NULL,
    request_hash   bytea NOT NULL CHECK (length(request_hash) = 32),
    what           text COLLATE "C" NOT NULL CHECK (what IN ('session', 'payment', 'suspense', 'chargeback')),
    target         text COLLATE "C" NOT NULL CHECK (target <> ''), -- the id of what it is about
    way            text COLLATE "C" NOT NULL CHECK (way IN ('wallet', 'payer', 'revenue', 'loss', 'session')),
    beneficiary    text COLLATE "C",             -- a customer, or a session whose holders bear a chargeback
    currency       text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    reason         text COLLATE "C" NOT NULL CHECK (reason <> ''),
    words          text NOT NULL CHECK (words <> ''),
    asked_by       text COLLATE "C" NOT NULL,
    asked_at       timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    state          text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'declined')),
    alone          boolean NOT NULL DEFAULT false, -- within the limit: done at once by who asked
    decided_by     text COLLATE "C",
    decided_at     timestamptz,
    decision_words text NOT NULL DEFAULT '',
    outcome        text,                         -- what was done, as settlement/payments/proposals.py writes it
    PRIMARY KEY (operator_id, request_id),
    FOREIGN KEY (operator_id, asked_by) REFERENCES staff,
    FOREIGN KEY (operator_id, decided_by) REFERENCES staff,
    CHECK ((state = 'open') = (decided_by IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK ((state = 'done') = (outcome IS NOT NULL)),
    -- Two people, or one within the limit; never one who plays two.
    CONSTRAINT refund_decision_two_people CHECK (decided_by IS NULL OR (decided_by = asked_by) = alone),
    CHECK (NOT alone OR state <> 'declined')
);
CREATE UNIQUE INDEX refund_decision_key ON refund_decision (request_key, operator_id);
CREATE INDEX refund_decision_open ON refund_decision (operator_id, asked_at) WHERE state = 'open';
CREATE INDEX refund_decision_about ON refund_decision (operator_id, target);
CREATE INDEX refund_decision_alone ON refund_decision (operator_id, asked_by, decided_at) WHERE alone;
-- Suspense and chargebacks are explained once.
CREATE UNIQUE INDEX refund_decision_explained ON refund_decision (operator_id, what, target)
    WHERE state = 'done' AND what IN ('suspense', 'chargeback');

-- A decision is taken once, and what was asked for is what is decided.
CREATE FUNCTION refund_decision_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.state <> 'open' THEN
        RAISE EXCEPTION 'a decision about a refund is never changed' USING ERRCODE = '23514';
    END IF;
    IF (new.operator_id, new.request_id, new.request_key, new.request_hash, new.what, new.target, new.way, new.beneficiary,
        new.currency, new.amount_minor, new.reason, new.words, new.asked_by, new.asked_at, new.expires_at)
       IS DISTINCT FROM
       (old.operator_id, old.request_id, old.request_key, old.request_hash, old.what, old.target, old.way, old.beneficiary,
        old.currency, old.amount_minor, old.reason, old.words, old.asked_by, old.asked_at, old.expires_at) THEN
        RAISE EXCEPTION 'what was asked for is never changed' USING ERRCODE = '23514';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER refund_decision_decided BEFORE UPDATE ON refund_decision
    FOR EACH ROW EXECUTE FUNCTION refund_decision_decided();

-- Who made whom, and who changed the limit: read before somebody agrees to a refund.
CREATE INDEX audit_of_power ON audit (operator_id, object, at)
    WHERE action IN ('staff.add', 'staff.password', 'staff.role', 'staff.enable', 'operator.rules');

-- Cash at the counter: what is to be received, and what is to be paid out, each by its short code.
CREATE TABLE counter_payment (
    operator_id     text COLLATE "C" NOT NULL,
    merchant_id     text COLLATE "C" NOT NULL,
    number          text COLLATE "C" NOT NULL,   -- the attempt's
    code            text COLLATE "C" NOT NULL CHECK (code ~ '^[0-9]{6}$'),
    currency        text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    made_at         timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    state           text COLLATE "C" NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'paid', 'closed')),
    receipt_id      text COLLATE "C",
    received_by     text COLLATE "C",
    received_at     timestamptz,
    returning_minor bigint NOT NULL DEFAULT 0,   -- of all refunds of it
    PRIMARY KEY (operator_id, number),
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    FOREIGN KEY (operator_id, received_by) REFERENCES staff,
    CHECK ((state = 'paid') = (receipt_id IS NOT NULL)),
    CHECK ((receipt_id IS NULL) = (received_by IS NULL) AND (receipt_id IS NULL) = (received_at IS NULL)),
    CHECK (state = 'paid' OR returning_minor = 0),
    CONSTRAINT counter_payment_over_refund CHECK (returning_minor BETWEEN 0 AND amount_minor)
);
CREATE UNIQUE INDEX counter_payment_code ON counter_payment (operator_id, code) WHERE state = 'waiting';
CREATE INDEX counter_payment_received ON counter_payment (operator_id, received_at) WHERE received_at IS NOT NULL;

CREATE TABLE counter_refund (
    operator_id    text COLLATE "C" NOT NULL,
    merchant_id    text COLLATE "C" NOT NULL,
    number         text COLLATE "C" NOT NULL,    -- the refund's
    payment_number text COLLATE "C" NOT NULL,
    code           text COLLATE "C" NOT NULL CHECK (code ~ '^[0-9]{6}$'),
    currency       text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    asked_at       timestamptz NOT NULL DEFAULT now(),
    receipt_id     text COLLATE "C",
    paid_by        text COLLATE "C",
    paid_at        timestamptz,
    PRIMARY KEY (operator_id, number),
    FOREIGN KEY (operator_id, payment_number) REFERENCES counter_payment,
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    FOREIGN KEY (operator_id, paid_by) REFERENCES staff,
    CHECK ((receipt_id IS NULL) = (paid_by IS NULL) AND (receipt_id IS NULL) = (paid_at IS NULL))
);
CREATE UNIQUE INDEX counter_refund_code ON counter_refund (operator_id, code) WHERE receipt_id IS NULL;
CREATE INDEX counter_refund_paid ON counter_refund (operator_id, paid_at) WHERE paid_at IS NOT NULL;

-- Cash taken out of a drawer to the bank.
CREATE TABLE counter_banked (
    operator_id  text COLLATE "C" NOT NULL,
    banked_id    text COLLATE "C" NOT NULL,
    request_key  text COLLATE "C" NOT NULL,
    merchant_id  text COLLATE "C" NOT NULL,
    bank         text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    by           text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, banked_id),
    FOREIGN KEY (operator_id, merchant_id) REFERENCES merchant,
    FOREIGN KEY (operator_id, by) REFERENCES staff
);
CREATE UNIQUE INDEX counter_banked_request ON counter_banked (request_key, operator_id);

-- Cash was handed over or it was not: a receipt is written once, by one person, for the amount that was agreed.
CREATE FUNCTION counter_receipt_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (new.operator_id, new.merchant_id, new.number, new.currency, new.amount_minor)
       IS DISTINCT FROM (old.operator_id, old.merchant_id, old.number, old.currency, old.amount_minor) THEN
        RAISE EXCEPTION 'what is to change hands at the counter is never changed' USING ERRCODE = '23514';
    END IF;
    IF old.receipt_id IS NOT NULL AND new.receipt_id IS DISTINCT FROM old.receipt_id THEN
        RAISE EXCEPTION 'a receipt is never changed' USING ERRCODE = '23514';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER counter_payment_stands BEFORE UPDATE ON counter_payment
    FOR EACH ROW EXECUTE FUNCTION counter_receipt_stands();
CREATE TRIGGER counter_refund_stands BEFORE UPDATE ON counter_refund
    FOR EACH ROW EXECUTE FUNCTION counter_receipt_stands();

CREATE FUNCTION counter_refund_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE counter_payment p SET returning_minor = p.returning_minor + new.amount_minor
    WHERE p.operator_id = new.operator_id AND p.number = new.payment_number;
    RETURN NULL;
END $$;
CREATE TRIGGER counter_refund_counted AFTER INSERT ON counter_refund
    FOR EACH ROW EXECUTE FUNCTION counter_refund_counted();

GRANT SELECT, INSERT, UPDATE ON refund_decision, counter_payment, counter_refund TO coinslot_app;
GRANT SELECT, INSERT ON counter_banked TO coinslot_app;
