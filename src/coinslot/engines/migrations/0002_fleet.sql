-- Who operates, where the appliances stand, who drives them, what they cost, who uses them.
-- Every key begins with the operator, so that operators can be spread over several servers.

CREATE TABLE operator (
    operator_id text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL CHECK (name <> ''),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    timezone    text NOT NULL,
    help_phone  text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now()
);
-- People choose operators, sites and appliances by name, so a name means one thing, whatever its case.
CREATE UNIQUE INDEX operator_name ON operator (lower(name));

CREATE TABLE staff (
    operator_id   text COLLATE "C" NOT NULL REFERENCES operator,
    staff_id      text COLLATE "C" NOT NULL,
    login         text NOT NULL CHECK (login <> ''),
    name          text NOT NULL,
    role          text NOT NULL CHECK (role IN ('owner', 'manager', 'desk', 'technician', 'auditor')),
    password_hash text NOT NULL,
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, staff_id)
);
CREATE UNIQUE INDEX staff_login ON staff (operator_id, lower(login));

-- Keys with which programs call the HTTP API in an operator's name; only the hash is kept.
CREATE TABLE api_key (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    api_key_id  text COLLATE "C" NOT NULL,
    name        text NOT NULL,
    key_hash    bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz,
    PRIMARY KEY (operator_id, api_key_id)
);
CREATE UNIQUE INDEX api_key_name ON api_key (operator_id, lower(name)) WHERE revoked_at IS NULL;

CREATE TABLE site (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    site_id     text COLLATE "C" NOT NULL,
    name        text NOT NULL CHECK (name <> ''),
    timezone    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, site_id)
);
CREATE UNIQUE INDEX site_name ON site (operator_id, lower(name));

CREATE TABLE tariff (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    tariff_id   text COLLATE "C" NOT NULL,
    name        text NOT NULL CHECK (name <> ''),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, tariff_id),
    UNIQUE (operator_id, name)
);

-- A version is never changed: a session is rated by the one it was quoted.
CREATE TABLE tariff_version (
    operator_id text COLLATE "C" NOT NULL,
    tariff_id   text COLLATE "C" NOT NULL,
    version     integer NOT NULL CHECK (version >= 1),
    body        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, tariff_id, version),
    FOREIGN KEY (operator_id, tariff_id) REFERENCES tariff
);

CREATE TABLE terminal (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    terminal_id text COLLATE "C" NOT NULL,
    site_id     text COLLATE "C" NOT NULL,
    name        text NOT NULL,
    secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    rotated_at  timestamptz,
    revoked_at  timestamptz,
    PRIMARY KEY (operator_id, terminal_id),
    FOREIGN KEY (operator_id, site_id) REFERENCES site
);
-- The link knows a terminal only by its id, so the id is unique across operators.
CREATE UNIQUE INDEX terminal_by_id ON terminal (terminal_id);

-- Printed on a new terminal; good for one claim. Only the hash is kept.
CREATE TABLE claim_code (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    code_hash   bytea NOT NULL CHECK (length(code_hash) = 32),
    site_id     text COLLATE "C" NOT NULL,
    name        text NOT NULL,
    expires_at  timestamptz NOT NULL,
    terminal_id text COLLATE "C",
    claimed_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, code_hash),
    FOREIGN KEY (operator_id, site_id) REFERENCES site
);
CREATE UNIQUE INDEX claim_code_by_hash ON claim_code (code_hash);

CREATE TABLE appliance (
    operator_id  text COLLATE "C" NOT NULL REFERENCES operator,
    appliance_id text COLLATE "C" NOT NULL,
    site_id      text COLLATE "C" NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('shower', 'dispenser', 'dryer', 'purifier', 'diffuser', 'washer', 'gas_meter', 'vending', 'other')),
    name         text NOT NULL CHECK (name <> ''),
    code         text COLLATE "C" NOT NULL,
    closed       boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, appliance_id),
    FOREIGN KEY (operator_id, site_id) REFERENCES site
);
CREATE UNIQUE INDEX appliance_by_code ON appliance (code);
CREATE UNIQUE INDEX appliance_name ON appliance (operator_id, site_id, lower(name));

-- A tap, shower or socket: what a terminal drives and a session uses.
CREATE TABLE outlet (
    operator_id  text COLLATE "C" NOT NULL,
    appliance_id text COLLATE "C" NOT NULL,
    terminal_id  text COLLATE "C" NOT NULL,
    outlet       smallint NOT NULL CHECK (outlet BETWEEN 0 AND 255),
    name         text NOT NULL,
    tariff_id    text COLLATE "C",
    meter_spec   text NOT NULL DEFAULT '{}',
    PRIMARY KEY (operator_id, terminal_id, outlet),
    FOREIGN KEY (operator_id, appliance_id) REFERENCES appliance,
    FOREIGN KEY (operator_id, terminal_id) REFERENCES terminal,
    FOREIGN KEY (operator_id, tariff_id) REFERENCES tariff
);
CREATE INDEX outlet_of_appliance ON outlet (operator_id, appliance_id);

CREATE TABLE customer (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    customer_id text COLLATE "C" NOT NULL,
    name        text NOT NULL DEFAULT '',
    phone       text,
    blocked_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, customer_id)
);
CREATE UNIQUE INDEX customer_phone ON customer (operator_id, phone);

-- What an audit asks: who did what to whom, and when. Never changed.
CREATE TABLE audit (
    operator_id text COLLATE "C" NOT NULL,
    audit_id    bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text NOT NULL,
    action      text NOT NULL,
    object      text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    PRIMARY KEY (operator_id, audit_id)
);
CREATE INDEX audit_of_object ON audit (operator_id, object, audit_id);

GRANT SELECT, INSERT, UPDATE ON operator, staff, api_key, site, tariff, terminal, claim_code, appliance, outlet, customer TO coinslot_app;
GRANT SELECT, INSERT ON tariff_version, audit TO coinslot_app;
GRANT DELETE ON outlet TO coinslot_app;
