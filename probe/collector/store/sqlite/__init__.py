"""The default engine of a collector's database: one SQLite file."""
