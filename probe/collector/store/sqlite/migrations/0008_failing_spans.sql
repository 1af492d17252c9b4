-- The strips of the board paint when a service failed without proof of interference.
CREATE INDEX span_failing ON span (stop) WHERE status IN ('unreachable', 'down');
