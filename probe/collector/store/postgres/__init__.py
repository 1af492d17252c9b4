"""The engine of a collector's database on PostgreSQL 15 or newer, for several processes and machines."""
