-- What operators and agents did to the list of agents: enrolments, revocations, flags. No address is ever in it.
CREATE TABLE audit (
    no INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,       -- milliseconds since the Unix epoch
    act TEXT NOT NULL,         -- enrolled, revoked, rotated, flagged, erased, token
    agent TEXT NOT NULL,       -- its id; empty for a token, and where the agent was erased
    note TEXT NOT NULL
) STRICT;
CREATE INDEX audit_agent ON audit (agent);
