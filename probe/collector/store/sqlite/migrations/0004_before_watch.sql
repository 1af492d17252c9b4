-- Whether the status began before the agent first measured the target: then start is that first measurement.
ALTER TABLE span ADD COLUMN before_watch INTEGER NOT NULL DEFAULT 0;
