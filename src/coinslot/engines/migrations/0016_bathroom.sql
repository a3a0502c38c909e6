-- The public bathroom: cards for people without a phone, opening hours, quotas, a technician's flush, customers brought
-- in from another system.

-- A card has a number that is printed on it and a PIN of its owner's; only a hash of the PIN is kept. A card without a
-- PIN opens nothing: its owner gets one at the desk.
ALTER TABLE customer
    ADD COLUMN card_no    text COLLATE "C" CHECK (card_no ~ '^[0-9]{10}$'),
    ADD COLUMN pin_hash   text,
    ADD COLUMN pin_set_at timestamptz,
    ADD CONSTRAINT customer_pin CHECK ((pin_hash IS NULL) = (pin_set_at IS NULL) AND (pin_hash IS NULL OR card_no IS NOT NULL));
CREATE UNIQUE INDEX customer_card ON customer (operator_id, card_no);

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
