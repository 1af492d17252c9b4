"""Deciding from a series of verdicts that something has changed, and when: see `probe.detect.detector`.

Start with `marks` (how much a verdict says), `alternatives` (what interference looks like) and `null` (what ordinary
faults look like); then `series`, the machine of one target; then `network` and `gate`, where targets meet.
"""
