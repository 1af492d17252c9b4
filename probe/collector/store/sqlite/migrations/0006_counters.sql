-- Numbers that are given in order, by name: `revision` counts the revisions of all events, `control` the verdicts of
-- controls, and `control erased` is the number when verdicts were last deleted.
CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counter (name, value) SELECT 'revision', max(no) FROM revision HAVING max(no) IS NOT NULL;
INSERT INTO counter (name, value) SELECT 'control erased', CAST(CAST(value AS TEXT) AS INTEGER) FROM meta
    WHERE key = 'control revision';
INSERT INTO counter (name, value) SELECT 'control', max(number) FROM (SELECT max(revision) AS number FROM control
    UNION ALL SELECT value FROM counter WHERE name = 'control erased') HAVING max(number) IS NOT NULL;
DELETE FROM meta WHERE key = 'control revision';
