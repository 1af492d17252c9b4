"""The packet watcher, a separate process: `python -m probe.packets`, which `probe.measure` talks to in JSON Lines.

No other package imports it, and nothing else imports scapy. It opens one socket, which needs CAP_NET_RAW, then drops
every privilege before it reads the first packet.
"""
