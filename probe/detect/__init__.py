"""Detects when a target was blocked or unblocked from its series of verdicts. The entry point is `detector`.

Reading order: `failure_classes` (how specific a failing verdict is), `hypotheses` (what interference looks like),
`null_model` (what ordinary faults look like), `series` (the states of one target), `network_series` and
`shared_failures` (what depends on several targets).
"""
