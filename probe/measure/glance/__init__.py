"""Glances: cheap looks at targets that are known to be reachable, thousands at the same time.

`glance_engine` runs them. A glance is a small state machine: `poller` tells it that its socket is ready, `deadlines`
that its time is over. There is no task, no future and no timer for a single one.
"""
