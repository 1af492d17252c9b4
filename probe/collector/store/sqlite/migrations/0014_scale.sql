-- Spans of one agent stand together: a batch of hundreds of changes writes a few pages. `moved` is 1 where a span ended
-- because its agent came into another network.
CREATE TABLE span_by_agent (
    target INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER,
    known INTEGER NOT NULL,
    network INTEGER NOT NULL,
    status TEXT NOT NULL,
    causes TEXT NOT NULL,
    evidence BLOB,
    before_watch INTEGER NOT NULL DEFAULT 0,
    no_vote TEXT NOT NULL DEFAULT '',
    moved INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (agent, target, start)
) STRICT, WITHOUT ROWID;
INSERT INTO span_by_agent (target, agent, start, stop, known, network, status, causes, evidence, before_watch,
    no_vote)
    SELECT target, agent, start, stop, known, network, status, causes, evidence, before_watch, no_vote FROM span
    ORDER BY agent, target, start;
DROP TABLE span;
ALTER TABLE span_by_agent RENAME TO span;
UPDATE span SET moved = 1 WHERE stop IS NOT NULL AND EXISTS (SELECT 1 FROM span AS later WHERE later.agent = span.agent
    AND later.target = span.target AND later.start = span.stop AND later.network <> span.network);
CREATE UNIQUE INDEX span_open ON span (agent, target) WHERE stop IS NULL;
CREATE INDEX span_target ON span (target, stop);
CREATE INDEX span_moved ON span (target) WHERE moved = 1;
CREATE INDEX span_not_judged ON span (target) WHERE no_vote = 'not_judged';
CREATE INDEX span_start ON span (start);
CREATE INDEX span_failing ON span (stop) WHERE status IN ('unreachable', 'down');
CREATE INDEX span_evidence ON span (stop) WHERE evidence IS NOT NULL AND status NOT IN ('blocked', 'throttled');

CREATE TABLE presence_by_agent (
    agent INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    network INTEGER NOT NULL,
    interval INTEGER NOT NULL,
    state TEXT NOT NULL,
    rounds INTEGER NOT NULL,
    measured INTEGER NOT NULL,
    PRIMARY KEY (agent, start)
) STRICT, WITHOUT ROWID;
INSERT INTO presence_by_agent SELECT agent, start, stop, network, interval, state, rounds, measured FROM presence
    ORDER BY agent, start;
DROP TABLE presence;
ALTER TABLE presence_by_agent RENAME TO presence;

-- Since when each target has been measured in each network, so that no page reads all spans for it.
CREATE TABLE first_look (
    target INTEGER NOT NULL,
    network INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (target, network)
) STRICT, WITHOUT ROWID;
INSERT INTO first_look (target, network, first) SELECT target, network, min(start) FROM span GROUP BY target, network;

-- The earliest moment at which something changed; 0 when all history is to be fused.
ALTER TABLE dirty ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
-- Before this moment the events of a service in a country are settled: later reports are fused without older ones.
CREATE TABLE settled (
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (service, cc)
) STRICT, WITHOUT ROWID;
-- When a service is to be fused again without a report, because time alone may change its events.
CREATE TABLE recheck (
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY (service, cc)
) STRICT, WITHOUT ROWID;

CREATE INDEX target_service ON target (service);
CREATE INDEX batch_quiet ON batch (received) WHERE body IS NULL;
CREATE INDEX batch_signed ON batch (received) WHERE body IS NOT NULL;
CREATE INDEX event_lasting ON event (service, cc) WHERE lifted IS NULL AND superseded = '';
CREATE INDEX event_lifted ON event (lifted) WHERE superseded = '';
