-- What an authority wrote: changes of a register between two of its snapshots, of known services only. No page's path
-- is in it. The digest is of the whole change: the same file twice has the effect of once.
CREATE TABLE register_change (
    digest BLOB NOT NULL PRIMARY KEY,
    service TEXT NOT NULL,
    cc TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    decided TEXT NOT NULL,
    decision TEXT NOT NULL,
    authority TEXT NOT NULL,
    addresses INTEGER NOT NULL,
    after INTEGER,
    before INTEGER,
    included INTEGER
) STRICT;
CREATE INDEX register_change_service ON register_change (service, cc);
