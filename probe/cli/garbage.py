"""How often the program looks for garbage in cycles.

Python's default, after every 700 new containers, suits programs that make few. A check makes a thousand, nearly all of
them freed by their counts; looking for the rest so often took a twentieth of its time.
"""

from __future__ import annotations

import gc

COLLECTIONS = (10_000, 20, 20)
"""New containers between two collections of the young, those between two of the middle-aged, likewise of the old."""


def collect_seldom() -> None:
    """Leave cycles lying for longer: at most some megabytes."""
    gc.set_threshold(*COLLECTIONS)
