"""TLS contexts are made once a kind."""

from __future__ import annotations

import ssl

from probe.measure.contexts import Contexts


def test_one_context_a_kind() -> None:
    """Verifying or not, by the protocols offered."""
    contexts = Contexts()
    strict = contexts.get(verify=True, alpn=("http/1.1",))
    loose = contexts.get(verify=False)

    assert contexts.get(verify=True, alpn=("http/1.1",)) is strict
    assert strict.verify_mode is ssl.CERT_REQUIRED
    assert strict.check_hostname
    assert loose.verify_mode is ssl.CERT_NONE
    assert not strict.verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT
