-- What an operator's own systems are told (webhooks), and the browsers in lobbies that see a site (front desks).

CREATE TABLE webhook_endpoint (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    endpoint_id text COLLATE "C" NOT NULL,
    name        text NOT NULL CHECK (name <> ''),
    url         text NOT NULL,
    site_id     text COLLATE "C",           -- told only of what happened there; null: of everything
    kinds       text[] NOT NULL CHECK (kinds <> '{}' AND kinds <@ ARRAY['session.settled', 'payment.received', 'refund.done']),
    generation  integer NOT NULL DEFAULT 1 CHECK (generation >= 1), -- of its secret, which is derived and never stored
    rotated_at  timestamptz,                -- for a day from here the generation before signs, too
    off_since   timestamptz,
    off_why     text NOT NULL DEFAULT '',
    removed_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, endpoint_id),
    FOREIGN KEY (operator_id, site_id) REFERENCES site
);
CREATE UNIQUE INDEX webhook_endpoint_name ON webhook_endpoint (operator_id, lower(name)) WHERE removed_at IS NULL;

CREATE TABLE webhook_event (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    event_id    text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('session.settled', 'payment.received', 'refund.done', 'test')),
    about       text COLLATE "C" NOT NULL,  -- the session, payment or refund
    at          timestamptz NOT NULL,       -- when it happened
    body        bytea,                      -- as it is sent, every time the same; null before the first time
    made_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, event_id)
);
CREATE INDEX webhook_event_made ON webhook_event (made_at);

CREATE TABLE webhook_delivery (
    operator_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    tries       integer NOT NULL DEFAULT 0,
    round_at    timestamptz NOT NULL DEFAULT now(), -- when this round of tries began: at first, and at each replay
    round_tries integer NOT NULL DEFAULT 0,
    next_at     timestamptz,
    status      smallint,                   -- of the last answer
    error       text NOT NULL DEFAULT '',   -- why the last try did not count
    made_at     timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    PRIMARY KEY (operator_id, endpoint_id, event_id),
    FOREIGN KEY (operator_id, endpoint_id) REFERENCES webhook_endpoint,
    FOREIGN KEY (operator_id, event_id) REFERENCES webhook_event,
    CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
    CHECK ((state = 'waiting') = (ended_at IS NULL))
) WITH (fillfactor = 80);
-- By endpoint first: each has its own queue, and a slow one holds up no other.
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, next_at) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_of_event ON webhook_delivery (operator_id, event_id);
CREATE INDEX webhook_delivery_dead ON webhook_delivery (operator_id, ended_at) WHERE state = 'dead';

CREATE TABLE webhook_attempt (
    operator_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    attempt     integer NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    took_ms     integer,                    -- null: nobody knows what became of it
    status      smallint,
    error       text NOT NULL DEFAULT '',
    answer      text NOT NULL DEFAULT '',   -- its beginning
    PRIMARY KEY (operator_id, endpoint_id, event_id, attempt),
    FOREIGN KEY (operator_id, endpoint_id, event_id) REFERENCES webhook_delivery ON DELETE CASCADE
);

-- One delivery for each event and endpoint, in the transaction of what happened: whatever crashes, both are there or
-- neither is. The id is made of what happened alone, so that books restored from a backup tell it under the same id.
-- An endpoint that is switched off keeps what it misses, to be sent again by hand.
CREATE FUNCTION webhook_tell(whose text, what text, whom text, where_ text, at_ timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    id text := 'evt_' || left(encode(sha256(convert_to(
        concat_ws(' ', whose, what, whom, (extract(epoch FROM at_) * 1000000)::bigint::text), 'UTF8')), 'hex'), 32);
BEGIN
    IF NOT EXISTS (SELECT FROM webhook_endpoint e WHERE e.operator_id = whose AND e.removed_at IS NULL
                   AND what = ANY (e.kinds) AND (e.site_id IS NULL OR e.site_id = where_)) THEN
        RETURN;
    END IF;
    INSERT INTO webhook_event (operator_id, event_id, kind, about, at) VALUES (whose, id, what, whom, at_)
    ON CONFLICT DO NOTHING;
    INSERT INTO webhook_delivery (operator_id, endpoint_id, event_id, state, next_at, ended_at, error)
    SELECT e.operator_id, e.endpoint_id, id, CASE WHEN e.off_since IS NULL THEN 'waiting' ELSE 'dead' END,
           CASE WHEN e.off_since IS NULL THEN now() END, CASE WHEN e.off_since IS NOT NULL THEN now() END,
           CASE WHEN e.off_since IS NULL THEN '' ELSE 'the endpoint is switched off' END
    FROM webhook_endpoint e
    WHERE e.operator_id = whose AND e.removed_at IS NULL AND what = ANY (e.kinds)
      AND (e.site_id IS NULL OR e.site_id = where_)
    ON CONFLICT DO NOTHING;
END $$;

-- told_at moves in the transaction that does whatever else follows a session's end; the one that settles it, on the
-- way of money, is not made longer.
CREATE FUNCTION webhook_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM webhook_tell(new.operator_id, 'session.settled', new.session_id, a.site_id, new.settled_at)
    FROM appliance a WHERE a.operator_id = new.operator_id AND a.appliance_id = new.appliance_id;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_session AFTER UPDATE OF told_at ON session FOR EACH ROW
    WHEN (new.settled_at IS NOT NULL AND new.told_at = new.settled_at AND old.told_at IS DISTINCT FROM new.told_at)
    EXECUTE FUNCTION webhook_session();

CREATE FUNCTION webhook_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    site text;
BEGIN
    IF EXISTS (SELECT FROM webhook_endpoint e WHERE e.operator_id = new.operator_id) THEN
        SELECT a.site_id INTO site FROM direct_order o JOIN appliance a USING (operator_id, appliance_id)
        WHERE o.operator_id = new.operator_id AND o.intent_id = new.intent_id;
        PERFORM webhook_tell(new.operator_id, 'payment.received', new.number, site, coalesce(new.paid_at, now()));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_payment AFTER UPDATE OF state ON payment_attempt FOR EACH ROW
    WHEN (new.state = 'succeeded' AND old.state <> 'succeeded') EXECUTE FUNCTION webhook_payment();

CREATE FUNCTION webhook_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    site text;
BEGIN
    IF EXISTS (SELECT FROM webhook_endpoint e WHERE e.operator_id = new.operator_id) THEN
        SELECT a.site_id INTO site
        FROM payment_attempt p JOIN direct_order o USING (operator_id, intent_id)
        JOIN appliance a ON a.operator_id = o.operator_id AND a.appliance_id = o.appliance_id
        WHERE p.operator_id = new.operator_id AND p.number = new.attempt_number;
        PERFORM webhook_tell(new.operator_id, 'refund.done', new.number, site, coalesce(new.ended_at, now()));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_refund AFTER UPDATE OF state ON refund FOR EACH ROW
    WHEN (new.state = 'succeeded' AND old.state <> 'succeeded') EXECUTE FUNCTION webhook_refund();

-- A browser in a site's lobby: let in by a link that opens once, then known by a secret of its own. Only hashes are kept.
CREATE TABLE front_desk (
    operator_id     text COLLATE "C" NOT NULL REFERENCES operator,
    desk_id         text COLLATE "C" NOT NULL,
    site_id         text COLLATE "C" NOT NULL,
    name            text NOT NULL CHECK (name <> ''),
    link_hash       bytea CHECK (length(link_hash) = 32), -- null once it was opened
    link_expires_at timestamptz,
    browser_hash    bytea CHECK (length(browser_hash) = 32),
    opened_at       timestamptz,
    seen_at         timestamptz,
    revoked_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, desk_id),
    FOREIGN KEY (operator_id, site_id) REFERENCES site,
    CHECK ((link_hash IS NULL) = (link_expires_at IS NULL))
);
CREATE UNIQUE INDEX front_desk_link ON front_desk (link_hash) WHERE link_hash IS NOT NULL;
CREATE UNIQUE INDEX front_desk_browser ON front_desk (browser_hash) WHERE browser_hash IS NOT NULL;
CREATE UNIQUE INDEX front_desk_name ON front_desk (operator_id, site_id, lower(name)) WHERE revoked_at IS NULL;

-- Whoever looks at a site asks for an appliance's latest uses. Not by operator first, see 0003_sessions.sql.
CREATE INDEX session_of_appliance ON session (appliance_id, created_at);
CREATE INDEX direct_order_of_appliance ON direct_order (appliance_id, made_at);

GRANT SELECT, INSERT, UPDATE ON webhook_endpoint, webhook_event, webhook_delivery, webhook_attempt, front_desk TO coinslot_app;
GRANT DELETE ON webhook_event, webhook_delivery, webhook_attempt TO coinslot_app;
