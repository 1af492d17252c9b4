"""Official registers of what shall be blocked, and their mirrors: each reader yields the same records.

Registers hold addresses of pages that nobody may open, display or keep. So the readers themselves let go of everything
but host names and addresses: no path of any URL ever leaves them, and no message quotes a row.
"""
