"""OONI's measurement format (ooni/spec: df-000 and the data formats it names), read and written. Pure."""
