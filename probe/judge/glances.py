"""What a glance shows. It can acquit a target, and never accuses it.

A glance stands alone in its evidence. Where a full look followed, its observations decide, and no rule here applies.
"""

from __future__ import annotations

from probe.judge.evidence_hop import EvidenceHop
from probe.model.glance_evidence import is_acquitted


def same(hop: EvidenceHop) -> bool:
    """Whether glances alone were taken, and all of them saw what the reference glances saw.

    A domain has two chains. The glances at both must be the same, so each hop reads all of them.
    """
    return _stands_alone(hop) and is_acquitted(hop.view.target, hop.evidence.glance)


def differs(hop: EvidenceHop) -> bool:
    """Whether glances alone were taken, and one of them saw something else, or a chain has none."""
    return _stands_alone(hop) and not same(hop)


def _stands_alone(hop: EvidenceHop) -> bool:
    return bool(hop.evidence.glance) and not hop.evidence.observations
