"""TLS alerts by name, read from the records that arrive in clear before a handshake's keys.

OpenSSL knows the names of some alerts only, and which ones depends on its version. Names and numbers are those of the
IANA registry of TLS alerts (RFC 8446 section 6, RFC 5246 section 7.2 and later ones).
"""

from __future__ import annotations

_ALERT, _FATAL = 21, 2
_RECORD_HEADER_BYTES = 5
NO_APPLICATION_PROTOCOL = "no_application_protocol"

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    52: "too_many_cids_requested",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    117: "general_error",
    120: NO_APPLICATION_PROTOCOL,
    121: "ech_required",
}


class AlertReader:
    """Find the fatal alert among the records of a handshake.

    Attributes:
        alert: its name; empty while none arrived, or where it is encrypted.
    """

    def __init__(self) -> None:
        self.alert = ""
        self._header = bytearray()
        self._left = 0
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        """Read the next bytes from the server."""
        at = 0
        while at < len(data):
            if len(self._header) < _RECORD_HEADER_BYTES:
                wanted = _RECORD_HEADER_BYTES - len(self._header)
                self._header += data[at : at + wanted]
                at += wanted
                if len(self._header) == _RECORD_HEADER_BYTES:
                    self._left = int.from_bytes(self._header[3:], "big")
                    self._end_record()
                continue
            piece = data[at : at + self._left]
            if len(self._body) < 2:
                self._body += piece[:2]
            self._left -= len(piece)
            at += len(piece)
            self._end_record()

    def _end_record(self) -> None:
        if self._left:
            return
        level, number = (*self._body, 0, 0)[:2]
        if self._header[0] == _ALERT and self._header[1] == 3 and len(self._body) == 2 and level == _FATAL:
            self.alert = ALERTS.get(number, f"alert_{number}")
        self._header.clear()
        self._body.clear()
