-- Who is told of events. The URL may hold a password or a token: no page and no log shows it. The body has the rest.
CREATE TABLE subscription (
    id TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    url TEXT NOT NULL,
    body BLOB NOT NULL,
    created INTEGER NOT NULL,
    digest_due INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Revisions that nobody has been told of, one row an event, written in the transaction that publishes them.
-- urgency: 2 tells at once, 1 soon (a network was unblocked), 0 with the next update.
CREATE TABLE alert_mark (
    event TEXT NOT NULL PRIMARY KEY,
    first_revision INTEGER NOT NULL,
    last_revision INTEGER NOT NULL,
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    urgency INTEGER NOT NULL,
    since INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_mark_place ON alert_mark (service, cc);

-- The same for changes of a register.
CREATE TABLE listing_mark (
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    kind TEXT NOT NULL,
    entries INTEGER NOT NULL,
    moment INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (service, cc, kind)
) STRICT;

-- When a service in a country was last told of, and on how many networks it was blocked then.
CREATE TABLE alert_told (
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    told INTEGER NOT NULL,
    networks INTEGER NOT NULL,
    PRIMARY KEY (service, cc)
) STRICT;

-- Messages, each under its idempotency key. state: held (for a digest), waiting, sent, failed.
CREATE TABLE delivery (
    id TEXT NOT NULL PRIMARY KEY,
    subscription TEXT NOT NULL,
    channel TEXT NOT NULL,
    created INTEGER NOT NULL,
    due INTEGER NOT NULL,
    lease INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    finished INTEGER,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX delivery_open ON delivery (subscription, created, id) WHERE state IN ('held', 'waiting');
CREATE INDEX delivery_created ON delivery (created);
