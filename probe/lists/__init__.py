"""PURE: text becomes targets: test lists, the service catalogue, official registers (streamed), prefixes."""
