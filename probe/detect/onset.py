"""When a change happened, as far as looking now and then can tell.

Between two looks that disagree nothing is known, so a change is dated in their middle. CUSUM's own reset point is the
maximum-likelihood estimate of where (Page 1954): the last success before the sum left 0, and the failure that made it
leave. Where there was no look before, the first failure is all there is.
"""

from __future__ import annotations


def between(before: float, after: float) -> float:
    """The middle of two looks that disagree.

    Args:
        before: moment of the last look of the old kind, Unix seconds; 0 when there was none.
        after: moment of the first look of the new kind.
    """
    if not before or before > after:
        return after
    return (before + after) / 2.0
