"""The processes with raw sockets, which `probe.measure` talks to in JSON Lines: packet watcher and SYN scanner.

No other package imports them, and nothing else imports scapy. Each opens its sockets, which needs CAP_NET_RAW, then
drops every privilege before it reads the first packet.
"""
