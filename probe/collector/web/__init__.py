"""The collector's public web interface: pages, JSON and CSV, feeds."""
