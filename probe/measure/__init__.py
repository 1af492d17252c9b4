"""Performing steps on the network: one coroutine a kind of step, each yielding observations and never an opinion.

From below: `failures` (exceptions become words), `phase` (a clock per phase), `stream` (bytes over TCP or TLS), `wire`
(DNS messages), then a module a kind of step (`resolve`, `connect`, `handshake`, `fetch`), `perform` which drives a plan
through them, and `target` which takes one target from its text to its verdict.
"""
