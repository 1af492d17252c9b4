-- Why an event was withdrawn: `erased` when the only agents that reported it had their data erased; else empty.
ALTER TABLE dirty ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE revision ADD COLUMN reason TEXT NOT NULL DEFAULT '';
