-- The tables of a collector. Times are milliseconds since the Unix epoch. Nobody's network address is in any of them.

-- Things there is one of: the key behind the vantages' public names.
CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- One-time tokens: only the SHA-256 is kept, so that whoever reads the database cannot enrol.
CREATE TABLE token (
    hash BLOB NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    sponsor TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used INTEGER,
    agent TEXT
) STRICT;

CREATE TABLE agent (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    pubkey BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    sponsor TEXT NOT NULL,
    asn INTEGER NOT NULL,
    cc TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'active',
    flag TEXT NOT NULL DEFAULT '',
    skew INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT;

-- Targets and networks by number: most rows of the database are spans, and they stay small.
CREATE TABLE target (
    no INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE network (
    no INTEGER PRIMARY KEY,
    asn INTEGER NOT NULL,
    cc TEXT NOT NULL,
    UNIQUE (asn, cc)
) STRICT;

-- How far each outbox has been taken in, and what came: the same batch twice has the effect of once.
CREATE TABLE spool (
    agent INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    acked INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (agent, epoch)
) STRICT;

CREATE TABLE batch (
    agent INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    skew INTEGER NOT NULL,
    body BLOB,
    signature BLOB,
    PRIMARY KEY (agent, epoch, seq)
) STRICT;

-- An unbroken run of rounds of one agent in one network and one state of the vantage: a quiet round is one UPDATE.
CREATE TABLE presence (
    agent INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    network INTEGER NOT NULL,
    interval INTEGER NOT NULL,
    state TEXT NOT NULL,
    rounds INTEGER NOT NULL,
    measured INTEGER NOT NULL,
    PRIMARY KEY (agent, start)
) STRICT;

-- An unbroken status of one target at one agent; stop is null while it lasts.
CREATE TABLE span (
    target INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER,
    known INTEGER NOT NULL,
    network INTEGER NOT NULL,
    status TEXT NOT NULL,
    causes TEXT NOT NULL,
    evidence BLOB,
    PRIMARY KEY (target, agent, start)
) STRICT;
CREATE UNIQUE INDEX span_open ON span (target, agent) WHERE stop IS NULL;
CREATE INDEX span_bad ON span (target, network) WHERE status IN ('blocked', 'throttled');

-- Verdicts behind changes, by the SHA-256 of their JSON, zlib-compressed and capped.
CREATE TABLE evidence (
    sha256 BLOB NOT NULL PRIMARY KEY,
    body BLOB NOT NULL,
    first_seen INTEGER NOT NULL
) STRICT;

-- Which service each agent says a target belongs to; the most votes win (target.service).
CREATE TABLE membership (
    target INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    service TEXT NOT NULL,
    PRIMARY KEY (target, agent)
) STRICT;

-- The newest verdict of each target from a control.
CREATE TABLE control (
    target INTEGER NOT NULL PRIMARY KEY,
    agent INTEGER NOT NULL,
    time INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX control_revision ON control (revision);

-- What fusion has to look at again, written in the transaction that made it so; mark grows when it is made so again.
CREATE TABLE dirty (
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    since INTEGER NOT NULL,
    mark INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (service, cc)
) STRICT;

-- Events as they stand, and every revision they ever had.
CREATE TABLE event (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    service TEXT NOT NULL,
    scope TEXT NOT NULL,
    asn INTEGER NOT NULL,
    cc TEXT NOT NULL,
    status TEXT NOT NULL,
    onset INTEGER NOT NULL,
    lifted INTEGER,
    superseded TEXT NOT NULL DEFAULT '', -- the id it goes on under, or '-' when it was withdrawn
    body BLOB NOT NULL
) STRICT;
CREATE INDEX event_place ON event (service, cc);
CREATE INDEX event_onset ON event (onset);

CREATE TABLE revision (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    published INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (id, revision)
) STRICT;
CREATE INDEX revision_published ON revision (published);
