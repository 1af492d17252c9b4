"""Bounds on connections and requests of strangers: number, size, time. Of addresses, prefixes are held, in memory."""
