"""PURE readers of lists: test lists, the service catalogue, official registers (streamed), tables of prefixes."""
