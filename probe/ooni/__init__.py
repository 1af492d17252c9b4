"""OONI's archive, read with the judge and the detector of this program."""
