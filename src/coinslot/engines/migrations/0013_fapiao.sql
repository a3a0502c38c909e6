-- Fapiao, the invoices of China's tax system: what guests and customers ask for, what was handed to whoever issues them,
-- and the numbers that came back.

CREATE TABLE fapiao_request (
    operator_id text COLLATE "C" NOT NULL,
    request_id  text COLLATE "C" NOT NULL,
    session_id  text COLLATE "C" NOT NULL,
    sealed      bytea,                      -- title, tax number and mail address; null once they are erased
    asked_by    bytea CHECK (length(asked_by) = 32), -- a guest's browser, hashed; null where a login says who asks
    asked_at    timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    exported_at timestamptz,                -- from here on what was asked for is never changed
    erased_at   timestamptz,
    PRIMARY KEY (operator_id, request_id),
    FOREIGN KEY (operator_id, session_id) REFERENCES session,
    CHECK ((sealed IS NULL) = (erased_at IS NOT NULL))
);
-- One for each bill, however often somebody presses.
CREATE UNIQUE INDEX fapiao_request_of_session ON fapiao_request (operator_id, session_id);
CREATE INDEX fapiao_request_open ON fapiao_request (operator_id, asked_at) WHERE exported_at IS NULL;
CREATE INDEX fapiao_request_kept ON fapiao_request (changed_at) WHERE sealed IS NOT NULL;

CREATE TABLE fapiao_export (
    operator_id text COLLATE "C" NOT NULL REFERENCES operator,
    export_id   text COLLATE "C" NOT NULL,
    first       date,                       -- bills that ended on these days, by the operator's clock; null: from the beginning
    last        date NOT NULL,
    made_by     text NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operator_id, export_id),
    CHECK (first <= last)
);

-- One line of an export: a fapiao to be issued, or, below zero, what was given back since and is to be issued in red.
CREATE TABLE fapiao_line (
    operator_id  text COLLATE "C" NOT NULL,
    line_id      text COLLATE "C" NOT NULL,
    export_id    text COLLATE "C" NOT NULL,
    position     integer NOT NULL CHECK (position > 0),
    request_id   text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    details      text NOT NULL,             -- what the file says beside what is sealed, as it was then
    number       text COLLATE "C" CHECK (number ~ '^([0-9]{18}|[0-9]{20})$'),
    issued_at    timestamptz,
    PRIMARY KEY (operator_id, line_id),
    FOREIGN KEY (operator_id, export_id) REFERENCES fapiao_export,
    FOREIGN KEY (operator_id, request_id) REFERENCES fapiao_request,
    CHECK ((number IS NULL) = (issued_at IS NULL))
);
CREATE UNIQUE INDEX fapiao_line_place ON fapiao_line (operator_id, export_id, position);
-- Each request is handed over once, whoever exports at the same moment.
CREATE UNIQUE INDEX fapiao_line_once ON fapiao_line (operator_id, request_id) WHERE amount_minor > 0;
CREATE INDEX fapiao_line_of_request ON fapiao_line (operator_id, request_id);
CREATE UNIQUE INDEX fapiao_line_number ON fapiao_line (operator_id, number) WHERE number IS NOT NULL;

GRANT SELECT, INSERT ON fapiao_request, fapiao_export, fapiao_line TO coinslot_app;
GRANT UPDATE ON fapiao_request TO coinslot_app;
GRANT UPDATE (number, issued_at) ON fapiao_line TO coinslot_app;
