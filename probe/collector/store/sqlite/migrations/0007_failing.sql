-- What an agent's last batch named as failing without a settled status: shown, and no part of any event.
CREATE TABLE failing (
    agent INTEGER NOT NULL,
    target INTEGER NOT NULL,
    network INTEGER NOT NULL,
    since INTEGER NOT NULL,
    causes TEXT NOT NULL,
    PRIMARY KEY (agent, target)
) STRICT;
