-- Transparency logs: number 0 is this collector's own, the others are those of collectors that it follows.
-- Of an own log, `position` is the number of the last revision that is in it. Of a followed one, `checkpoint` is the
-- newest one whose entries are all here, and `latest` the newest one that was seen.
CREATE TABLE tlog (
    no INTEGER NOT NULL PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    url TEXT NOT NULL,
    vkey TEXT NOT NULL,
    size INTEGER NOT NULL DEFAULT 0,
    checkpoint BLOB NOT NULL,
    latest BLOB NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'active',
    problem TEXT NOT NULL DEFAULT '',
    since INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT;

CREATE TABLE tlog_entry (
    tlog INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    event TEXT NOT NULL,
    revision INTEGER NOT NULL,
    revision_no INTEGER UNIQUE, -- of an own entry: the revision that it is of
    body BLOB NOT NULL,
    PRIMARY KEY (tlog, idx)
) STRICT;
CREATE INDEX tlog_entry_event ON tlog_entry (tlog, event, revision);

-- Hashes of the Merkle tree, 256 a row; the last row of a level grows.
CREATE TABLE tlog_tile (
    tlog INTEGER NOT NULL,
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tlog, level, number)
) STRICT;

-- Events of followed collectors as last published there. Fusion never reads them.
CREATE TABLE followed_event (
    tlog INTEGER NOT NULL,
    id TEXT NOT NULL,
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    onset INTEGER NOT NULL,
    lifted INTEGER,
    superseded TEXT NOT NULL,
    received INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tlog, id)
) STRICT;
CREATE INDEX followed_event_service ON followed_event (service);
CREATE INDEX followed_event_onset ON followed_event (onset);

-- Under which id a renamed event continues.
ALTER TABLE revision ADD COLUMN successor TEXT NOT NULL DEFAULT '';
UPDATE revision SET successor = (SELECT superseded FROM event WHERE event.id = revision.id
    AND event.revision = revision.revision) WHERE kind = 'renamed'
    AND EXISTS (SELECT 1 FROM event WHERE event.id = revision.id AND event.revision = revision.revision);
