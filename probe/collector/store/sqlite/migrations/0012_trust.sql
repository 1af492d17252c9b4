-- Since when an agent's reports count, and how much: in thousandths of a vote.
ALTER TABLE agent ADD COLUMN votes_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent ADD COLUMN weight INTEGER NOT NULL DEFAULT 1000;
-- Why a span changes no event (`probe.collector.intake.votes`); empty where it counts.
ALTER TABLE span ADD COLUMN no_vote TEXT NOT NULL DEFAULT '';
CREATE INDEX span_not_judged ON span (target) WHERE no_vote = 'not_judged';
-- The newest verdict of each target from each control, so that what a revoked one said gives way to the others.
ALTER TABLE control RENAME TO control_before;
DROP INDEX control_revision;
CREATE TABLE control (
    target INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    time INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (target, agent)
) STRICT;
INSERT INTO control (target, agent, time, revision, body) SELECT target, agent, time, revision, body FROM control_before;
DROP TABLE control_before;
CREATE UNIQUE INDEX control_revision ON control (revision);
