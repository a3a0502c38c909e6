-- What customers may top up with, and what the operator adds. An operator without a row has the built-in choices.
CREATE TABLE topup_rules (
    operator_id      text COLLATE "C" PRIMARY KEY REFERENCES operator,
    amounts_minor    bigint[] NOT NULL,   -- offered to be tapped, ascending …
    bonuses_minor    bigint[] NOT NULL,   -- … and what each earns
    least_minor      bigint NOT NULL CHECK (least_minor > 0),
    most_minor       bigint NOT NULL CHECK (most_minor <= 1000000000),
    own_amounts      boolean NOT NULL,    -- whether other amounts than those offered may be typed
    bonus_pause_days integer NOT NULL CHECK (bonus_pause_days BETWEEN 0 AND 366), -- after a withdrawal nothing earns a bonus for so long
    CHECK (least_minor <= most_minor),
    CHECK (cardinality(amounts_minor) BETWEEN 1 AND 12 AND cardinality(bonuses_minor) = cardinality(amounts_minor)),
    CHECK (least_minor <= ALL (amounts_minor) AND most_minor >= ALL (amounts_minor)),
    CHECK (0 <= ALL (bonuses_minor) AND most_minor >= ALL (bonuses_minor))
);

-- Steps to a provider and back, to learn who pays inside its app, that were used: each serves once, in all processes.
-- The hash alone is kept, and for an hour.
CREATE TABLE payer_step_used (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    step_hash   bytea NOT NULL CHECK (length(step_hash) = 32),
    used_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, step_hash)
);

GRANT SELECT, INSERT, UPDATE ON topup_rules TO coinslot_app;
GRANT SELECT, INSERT, DELETE ON payer_step_used TO coinslot_app;
