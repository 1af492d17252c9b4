-- How far each outbox of an agent has been taken in. The table was called "spool" before.
ALTER TABLE spool RENAME TO outbox_position;
