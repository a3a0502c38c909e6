-- Revenue sharing: who receives parts of what uses bring in, and by which agreement.

CREATE TABLE party (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    -- The ledger's accounts carry it.
    party_id    text COLLATE "C" NOT NULL CHECK (party_id ~ '^[A-Za-z0-9_-]{1,40}$'),
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('site_owner', 'manufacturer', 'platform', 'other')),
    name        text NOT NULL CHECK (name <> ''),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, party_id)
);
CREATE UNIQUE INDEX party_name ON party (operator_id, lower(name));

-- Each row is a version, the latest counts; none is ever changed, so what a session was shared by can be read for ever.
CREATE TABLE agreement (
    operator_id  text COLLATE "C" NOT NULL REFERENCES operator,
    agreement_id text COLLATE "C" NOT NULL CHECK (agreement_id ~ '^[A-Za-z0-9_-]{1,40}$'),
    version      integer NOT NULL CHECK (version >= 1),
    name         text NOT NULL CHECK (name <> ''),
    site_id      text COLLATE "C",
    kind         text COLLATE "C",
    appliance_id text COLLATE "C",
    valid_from   date NOT NULL,             -- by the operator's clock, like …
    valid_to     date,                      -- … the last day; the day before valid_from: ended before it began
    bonus_shared boolean NOT NULL,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, agreement_id, version),
    FOREIGN KEY (operator_id, site_id) REFERENCES site,
    FOREIGN KEY (operator_id, appliance_id) REFERENCES appliance,
    CHECK (appliance_id IS NULL OR (site_id IS NULL AND kind IS NULL)),
    CHECK (valid_to >= valid_from - 1)
);
CREATE UNIQUE INDEX agreement_name ON agreement (operator_id, lower(name)) WHERE version = 1;

CREATE TABLE agreement_part (
    operator_id  text COLLATE "C" NOT NULL,
    agreement_id text COLLATE "C" NOT NULL,
    version      integer NOT NULL,
    position     smallint NOT NULL CHECK (position BETWEEN 1 AND 20),
    party_id     text COLLATE "C" NOT NULL,
    share_ppm    integer NOT NULL CHECK (share_ppm BETWEEN 0 AND 1000000), -- of what all fixed parts leave
    fixed_minor  bigint NOT NULL CHECK (fixed_minor BETWEEN 0 AND 1000000000), -- of each session with a charge, before any share
    PRIMARY KEY (operator_id, agreement_id, version, position),
    UNIQUE (operator_id, agreement_id, version, party_id),
    FOREIGN KEY (operator_id, agreement_id, version) REFERENCES agreement,
    -- With the operator: nobody shares in what another operator earns.
    FOREIGN KEY (operator_id, party_id) REFERENCES party,
    CHECK (share_ppm > 0 OR fixed_minor > 0)
);

-- When the operator's agreements were last changed; null while it has none. A start reads it with what it reads of
-- the operator anyway, and looks at agreements only when this is news.
ALTER TABLE operator ADD COLUMN agreements_at timestamptz;

-- The agreement in force when the session was authorized, as sharing/texts.py writes it; empty: all is the operator's.
ALTER TABLE session ADD COLUMN sharing text NOT NULL DEFAULT '';
-- A type of its own beside session_new: a server of the version before may still be running, and its rows have one
-- part less.
CREATE TYPE session_new_shared AS (operator_id text, session_id text, customer_id text, appliance_id text, terminal_id text, outlet smallint, command_id text, request_key text, request_hash bytea, currency text, quote text, limits text, hold_principal_minor bigint, hold_bonus_minor bigint, link bigint, expires_at_ms bigint, expired_at timestamptz, meter_spec text, created_at timestamptz, sharing text, state text, give_up_at timestamptz, wake_at timestamptz, epoch text);

GRANT SELECT, INSERT ON party, agreement, agreement_part TO coinslot_app;
