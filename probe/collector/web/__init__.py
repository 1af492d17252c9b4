"""What people and programs read: pages, the HTTP interface, feeds."""
