"""The table of known pages is consistent, and each page of it is recognised."""

from __future__ import annotations

import pytest

from probe.judge.blockpages import KNOWN
from probe.judge.fingerprints import FINGERPRINTS, STUBS, Fingerprint


def test_ids_are_unique_and_name_a_place_or_a_kind() -> None:
    """Stored evidence may hold them."""
    ids = [one.id for one in FINGERPRINTS]

    assert len(set(ids)) == len(ids)
    assert all(id_.count(".") == 1 and id_.islower() for id_ in ids)


@pytest.mark.parametrize("known", FINGERPRINTS, ids=lambda one: one.id)
def test_each_sign_identifies_its_page(known: Fingerprint) -> None:
    """A host by a redirect and by a frame, a phrase by the text, a header by its name."""
    signs = [
        *({"status": 302, "location": f"http://{host}/x"} for host in known.hosts),
        *({"status": 200, "text": f'<iframe width=1 src="//{host}/x">'} for host in known.hosts),
        *(
            {"status": 200, "text": f"<p>{phrase.upper()}</p>"}
            for phrase in known.text
            if phrase.upper().lower() == phrase
        ),
        *([{"status": 403, "headers": (known.header,)}] if known.header else []),
        *([{"status": 200, "server": known.server}] if known.server else []),
        *([{"status": 302, "location": f"http://{known.location.strip('/')}/"}] if "." in known.location else []),
    ]

    assert signs
    assert all(known.id in KNOWN.identify(**sign) for sign in signs)  # type: ignore[arg-type]


def test_phrases_are_in_lower_case_and_long_enough_to_be_no_accident() -> None:
    """They are searched in texts in lower case."""
    for known in FINGERPRINTS:
        assert known.source
        assert all(phrase == phrase.lower() and len(phrase) >= 4 for phrase in known.text)
        assert all(host == host.lower() for host in known.hosts)
    assert all(stub.count(".") == 3 for stub in STUBS)
