"""Takes signed batches in, joins them into events over many vantages, and shows them: one process, one file."""
