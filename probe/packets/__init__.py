"""A watcher of packets, a process of its own: `python -m probe.packets`, spoken to in JSON Lines by `probe.measure`.

Nobody imports this room, and nothing else imports scapy. It opens one socket, for which it needs CAP_NET_RAW, then
gives up that and every other privilege before it reads the first packet.
"""
