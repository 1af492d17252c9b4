-- Work that one process has taken for a time, so that no other does it meanwhile: kind of work and key -> who, until when.
CREATE TABLE lease (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
