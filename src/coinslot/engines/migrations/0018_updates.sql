-- Signed releases for terminals: whose signature counts, what was signed, to whom it is offered, what became of it.
--
-- Order of locks: update_offer, then its update_target. What a terminal says of itself locks its own target alone.

-- Public keys that an operator's terminals are given when they are claimed. The private ones never come here.
CREATE TABLE update_key (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    key         text COLLATE "C" NOT NULL CHECK (key ~ '^[0-9a-f]{64}$'),
    name        text NOT NULL CHECK (name <> '' AND length(name) <= 80),
    added_at    timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,                 -- terminals that are claimed later are not given it any more
    PRIMARY KEY (operator_id, key)
);

CREATE TABLE update_release (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    release_id  text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('software', 'config')),
    serial      bigint NOT NULL CHECK (serial BETWEEN 1 AND 9007199254740991),
    version     text NOT NULL CHECK (length(version) <= 64),
    sha256      text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size        bigint NOT NULL CHECK (size BETWEEN 1 AND 1099511627776),
    audience    text COLLATE "C" NOT NULL,
    signature   text COLLATE "C" NOT NULL CHECK (signature ~ '^[0-9a-f]{128}$'),
    url         text COLLATE "C" NOT NULL CHECK (length(url) <= 512), -- empty: served by this installation
    added_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, release_id)
);
-- One artifact for each number: what terminals have under it is known.
CREATE UNIQUE INDEX update_release_serial ON update_release (serial, kind, operator_id);

-- The artifacts that are served here, by their digest, in pieces of 256 KiB. Anybody may load them.
CREATE TABLE update_artifact (
    sha256 text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    piece  integer NOT NULL CHECK (piece BETWEEN 0 AND 255),
    data   bytea NOT NULL CHECK (length(data) BETWEEN 1 AND 262144),
    size   bigint NOT NULL CHECK (size BETWEEN 1 AND 67108864), -- of the whole
    PRIMARY KEY (sha256, piece)
);

CREATE TABLE update_offer (
    operator_id text COLLATE "C" NOT NULL,
    offer_id    text COLLATE "C" NOT NULL,
    release_id  text COLLATE "C" NOT NULL,
    first       integer NOT NULL CHECK (first >= 0), -- so many have to confirm before the rest is told; 0: all at once
    made_at     timestamptz NOT NULL DEFAULT now(),
    stopped_at  timestamptz,
    PRIMARY KEY (operator_id, offer_id),
    FOREIGN KEY (operator_id, release_id) REFERENCES update_release
);

CREATE TABLE update_target (
    operator_id text COLLATE "C" NOT NULL,
    offer_id    text COLLATE "C" NOT NULL,
    terminal_id text COLLATE "C" NOT NULL,
    place       integer NOT NULL CHECK (place >= 0),  -- below the offer's `first`: one of those that go ahead
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('software', 'config')), -- of its release, and …
    serial      bigint NOT NULL,                      -- … its serial, by which the terminal speaks of it
    step        text COLLATE "C" NOT NULL DEFAULT 'waiting'
                CHECK (step IN ('waiting', 'told', 'fetching', 'installed', 'confirmed', 'refused', 'rolled_back', 'replaced')),
    detail      text NOT NULL DEFAULT '' CHECK (length(detail) <= 64),
    told_at     timestamptz,                          -- when it was last told
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, offer_id, terminal_id),
    FOREIGN KEY (operator_id, offer_id) REFERENCES update_offer,
    FOREIGN KEY (operator_id, terminal_id) REFERENCES terminal
);
-- A terminal is on its way to one release of each kind: a newer offer replaces the one before.
CREATE UNIQUE INDEX update_target_under_way ON update_target (terminal_id, kind)
    WHERE step IN ('waiting', 'told', 'fetching', 'installed');
CREATE INDEX update_target_of_terminal ON update_target (terminal_id, serial, kind);

GRANT SELECT, INSERT ON update_key, update_release, update_artifact, update_offer, update_target TO coinslot_app;
GRANT UPDATE (ended_at, name) ON update_key TO coinslot_app;
GRANT UPDATE (first, stopped_at) ON update_offer TO coinslot_app;
GRANT UPDATE (step, detail, told_at, changed_at) ON update_target TO coinslot_app;
