"""The transparency log of published events, and the logs of other collectors that this one follows."""
