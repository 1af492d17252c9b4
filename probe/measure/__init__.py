"""Perform the steps of a plan on the network; each step yields observations and draws no conclusion from them.

From the bottom up: `failures` classifies exceptions, `step_timeout` bounds a step, `socket_io` and `stream` carry bytes
over TCP and TLS, `dns_wire` reads DNS messages. One module performs each kind of step (`resolve`, `connect`,
`handshake`, `fetch`, `send`, `quic`, `trace`), and `perform` runs all steps of a plan.
"""
