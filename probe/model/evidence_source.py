"""Where imported evidence comes from."""

from __future__ import annotations

import msgspec


class EvidenceSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The measurement of another project from which evidence was read.

    Attributes:
        ooni: the measurement's uid at OONI; its report id where it has none.
        file: name of the file that was read, without its folder.
        line: number of the line, from 1; of a packed archive, the number of the measurement.
        joined: uids of further measurements of the same input whose attempts are in the evidence, too.
    """

    ooni: str
    file: str = ""
    line: int = 0
    joined: tuple[str, ...] = ()
