-- The public bathroom: cards for people without a phone, opening hours, quotas, a technician's flush, customers brought
-- in from another system.

-- A card has a number that is printed on it and a PIN of its owner's; only a hash of the PIN is kept. A card without a
-- PIN opens nothing: its owner gets one at the desk.
ALTER TABLE customer
    ADD COLUMN card_no    text COLLATE "C" CHECK (card_no ~ '^[0-9]{10}$'),
    ADD COLUMN pin_hash   text,
    ADD COLUMN pin_set_at timestamptz,
    ADD CONSTRAINT customer_pin CHECK ((pin_hash IS NULL) = (pin_set_at IS NULL) AND (pin_hash IS NULL OR card_no IS NOT NULL));
CREATE UNIQUE INDEX customer_card ON customer (card_no, operator_id);

-- Written before a PIN is compared, so that many who try at once are all counted. Card numbers and addresses are hashed
-- with the installation's key.
CREATE TABLE card_try (
    operator_id text COLLATE "C" NOT NULL,
    try_id      bigint GENERATED ALWAYS AS IDENTITY,
    card_hash   bytea NOT NULL CHECK (length(card_hash) = 32),
    source_hash bytea NOT NULL CHECK (length(source_hash) = 32),
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    right_at    timestamptz,                  -- when the PIN was found right
    PRIMARY KEY (operator_id, try_id)
);
CREATE INDEX card_try_of_card ON card_try (card_hash, made_at) WHERE right_at IS NULL;
CREATE INDEX card_try_of_source ON card_try (source_hash, made_at) WHERE right_at IS NULL;
CREATE INDEX card_try_made ON card_try (made_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON card_try TO coinslot_app;

-- Opening hours as one text, see fleet/hours.py; empty: open always. An appliance's week is in place of its site's.
ALTER TABLE site ADD COLUMN hours text NOT NULL DEFAULT '' CHECK (length(hours) <= 4000);
ALTER TABLE appliance ADD COLUMN hours text NOT NULL DEFAULT '' CHECK (length(hours) <= 4000);

-- What one customer may use at most, on a kind of appliance, at a site, or both; by the operator's calendar.
ALTER TABLE operator ADD COLUMN quotas_at timestamptz; -- when its quotas last changed; null where it has none
CREATE TABLE quota (
    operator_id  text COLLATE "C" NOT NULL REFERENCES operator,
    quota_id     text COLLATE "C" NOT NULL,
    site_id      text COLLATE "C",
    kind         text COLLATE "C",
    period       text COLLATE "C" NOT NULL CHECK (period IN ('day', 'week')),
    uses         integer CHECK (uses > 0),
    ml           bigint CHECK (ml > 0),
    s            bigint CHECK (s > 0),
    amount_minor bigint CHECK (amount_minor > 0),
    made_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, quota_id),
    FOREIGN KEY (operator_id, site_id) REFERENCES site,
    CHECK (num_nonnulls(uses, ml, s, amount_minor) > 0)
);
CREATE UNIQUE INDEX quota_of ON quota (operator_id, COALESCE(site_id, ''), COALESCE(kind, ''), period);
GRANT SELECT, INSERT, DELETE ON quota TO coinslot_app;

-- A technician lets water run: for hygiene, after a repair. Such a session has neither customer nor payment, holds nothing
-- and is charged nothing; its water is counted like any other's.
ALTER TABLE session ADD COLUMN flush_by text COLLATE "C";
ALTER TABLE session DROP CONSTRAINT session_paid_by;
ALTER TABLE session ADD CONSTRAINT session_paid_by CHECK (CASE
    WHEN flush_by IS NOT NULL
        THEN num_nonnulls(customer_id, intent_id, merchant_id, rest_at, token) = 0 AND sharing = ''
             AND hold_principal_minor = 0 AND hold_bonus_minor = 0 AND arrears_minor = 0 AND coalesce(charge_minor, 0) = 0
    WHEN customer_id IS NULL
        THEN intent_id IS NOT NULL AND merchant_id IS NOT NULL AND hold_bonus_minor = 0 AND arrears_minor = 0
    ELSE intent_id IS NULL AND merchant_id IS NULL AND rest_at IS NULL END);
CREATE INDEX session_flush ON session (appliance_id, created_at) WHERE flush_by IS NOT NULL;
-- A type of its own beside session_new_promised: rows of a server of the version before have a part less.
CREATE TYPE session_new_flush AS (operator_id text, session_id text, customer_id text, appliance_id text, terminal_id text, outlet smallint, command_id text, request_key text, request_hash bytea, currency text, quote text, limits text, hold_principal_minor bigint, hold_bonus_minor bigint, meter_spec text, created_at timestamptz, sharing text, intent_id text, merchant_id text, language text, balance_minor bigint, token bigint, flush_by text, state text, give_up_at timestamptz, wake_at timestamptz, link bigint, expires_at_ms bigint, expired_at timestamptz, epoch text);

-- What was asked for, and why; its session has the request key `flush:` and flush_id. One that was refused has none.
CREATE TABLE flush (
    operator_id  text COLLATE "C" NOT NULL,
    flush_id     text COLLATE "C" NOT NULL,
    request_key  text COLLATE "C" NOT NULL,
    appliance_id text COLLATE "C" NOT NULL,
    terminal_id  text COLLATE "C" NOT NULL,
    outlet       smallint NOT NULL,
    staff_id     text COLLATE "C" NOT NULL,
    reason       text COLLATE "C" NOT NULL CHECK (reason IN ('hygiene', 'repair', 'calibration', 'cleaning', 'other')),
    words        text NOT NULL DEFAULT '' CHECK (length(words) <= 200),
    limit_ml     bigint NOT NULL CHECK (limit_ml BETWEEN 1 AND 100000),
    limit_s      integer NOT NULL CHECK (limit_s BETWEEN 1 AND 300),
    made_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, flush_id),
    FOREIGN KEY (operator_id, appliance_id) REFERENCES appliance,
    FOREIGN KEY (operator_id, staff_id) REFERENCES staff
);
CREATE UNIQUE INDEX flush_request ON flush (request_key, operator_id);
CREATE INDEX flush_of_appliance ON flush (appliance_id, made_at);
GRANT SELECT, INSERT ON flush TO coinslot_app;

-- How much water it took, in the transaction that says so.
CREATE FUNCTION flush_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (operator_id, actor, action, object, detail)
    VALUES (new.operator_id, new.flush_by, 'appliance.flushed', new.appliance_id,
            concat('session=', new.session_id, ' state=', new.state, ' ml=', coalesce(new.registers::jsonb->>'ml', '0'),
                   ' s=', coalesce(new.registers::jsonb->>'s', '0')));
    RETURN NULL;
END $$;
CREATE TRIGGER flush_ended AFTER UPDATE ON session FOR EACH ROW
    WHEN (new.flush_by IS NOT NULL AND new.settled_at IS NOT NULL
          AND (old.settled_at IS DISTINCT FROM new.settled_at OR old.state <> new.state))
    EXECUTE FUNCTION flush_ended();

-- Operators' systems are told of what was sold.
DROP TRIGGER webhook_session ON session;
CREATE TRIGGER webhook_session AFTER UPDATE OF told_at ON session FOR EACH ROW
    WHEN (new.settled_at IS NOT NULL AND new.told_at = new.settled_at AND old.told_at IS DISTINCT FROM new.told_at
          AND new.flush_by IS NULL)
    EXECUTE FUNCTION webhook_session();

-- Files of customers that were brought in from another system: the same file again has no effect.
CREATE TABLE customer_import (
    operator_id   text COLLATE "C" NOT NULL REFERENCES operator,
    digest        text COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'), -- SHA-256 of the file
    customers     integer NOT NULL CHECK (customers >= 0),
    left_out      integer NOT NULL CHECK (left_out >= 0),                       -- lines with faults
    currency      text COLLATE "C" NOT NULL,
    balance_minor bigint NOT NULL CHECK (balance_minor >= 0),
    bonus_minor   bigint NOT NULL CHECK (bonus_minor >= 0),
    by            text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, digest)
);
GRANT SELECT, INSERT ON customer_import TO coinslot_app;

-- One account more that postings may name: operator/opening. The rest of the rule stays, word for word, as 0001 wrote it.
DO $$
DECLARE
    before constant text := pg_get_functiondef('ledger_posting_arrived()'::regprocedure);
    after_ constant text := replace(before, $q$'cash', 'withdrawals_due'$q$, $q$'cash', 'withdrawals_due', 'opening'$q$);
BEGIN
    IF after_ = before THEN
        RAISE EXCEPTION 'ledger_posting_arrived does not list the accounts of operators';
    END IF;
    EXECUTE after_;
END $$;
