"""Checks without the probe: each function makes a `Check` for dig, curl, openssl, the shell or `ask.py`.

A scenario counts only when its checks pass. A wrong verdict on a scenario whose checks pass is the probe's fault.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping

from tests.lab.hosts import Host
from tests.lab.records import Check

_FORMAT = "http=%{{http_code}} ip=%{{remote_ip}} to=%{{redirect_url}} size=%{{size_download}} tls=%{{time_appconnect}}"
_CURL = f"curl -sS -o /dev/null --connect-timeout 2 --max-time 3 -w '{_FORMAT}\\n'"
SILENCE = "exit=28"
RESET = "reset by peer"
"""What curl prints for a time-out (its exit status 28) and for a reset."""
EVERYWHERE = ("vantage", "control")


def dig(finds: str, name: str = "{host}", *, where: str = "vantage", rrtype: str = "A") -> Check:
    """Ask the host's own resolver; dig's whole output must match `finds`."""
    return Check(command=f"dig +tries=1 +time=2 {name} {rrtype}", finds=finds, where=where)


def answers(*addresses: str, name: str = "{host}") -> Check:
    """Send one query; exactly these answers must arrive in this order within 3 s (for a busy machine)."""
    texts = " ".join(addresses)
    return Check(
        command=f"python -m tests.lab.ask {{resolver}} {name}",
        finds=f"^{re.escape(texts)}$".replace("\\{", "{").replace("\\}", "}"),
    )


def get(finds: str = "http=200", url: str = "https://{host}/", *, at: str = "{a}", where: str = "vantage") -> Check:
    """Fetch the URL from this address (empty: from an address that the host's resolver gives)."""
    fixed = f"--connect-to '::{at}:' " if at else ""
    return Check(command=f"{_CURL} {fixed}'{url}'; echo exit=$?", finds=finds, where=where)


def works(url: str = "https://{host}/", *, where: str = "control", at: str = "") -> Check:
    """The URL is served there, with the host's own resolver."""
    return get("http=200.*exit=0", url, at=at, where=where)


def tcp(finds: str, address: str = "{a}", port: int = 443, *, where: str = "vantage") -> Check:
    """A TCP handshake by the shell: `open`, `refused`, `No route`, or a time-out (`exit=124`)."""
    connect = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port} && echo open'"
    return Check(command=f"{connect}; echo exit=$?", finds=finds, where=where)


def hello(finds: str, name: str = "{host}", address: str = "{a}", *, where: str = "vantage") -> Check:
    """A TLS handshake by openssl with this server name at this address."""
    client = f"timeout 3 openssl s_client -brief -connect {address}:443 -servername {name} </dev/null"
    return Check(command=f"{client}; echo exit=$?", finds=finds, where=where)


def quic(finds: str, name: str = "{host}", address: str = "{a}", *, later: float = 0, where: str = "vantage") -> Check:
    """A QUIC handshake by aioquic's own client: `answered` or `silent`; after `later` seconds, `kept` or `lost`."""
    return Check(command=f"python -m tests.lab.askquic {address} {name} {later}", finds=finds, where=where)


def neutral(address: str = "{a}") -> Check:
    """The same address completes a handshake under a name that is on no list."""
    return hello("CONNECTION ESTABLISHED", "q7ztw4mkd2.com", address)


def perform(check: Check, host: Host, fields: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Carry a check out at a host.

    Returns:
        What is wrong, for a person; empty when the check passes.
    """
    command, finds = check.command.format(**fields), check.finds.format(**fields)
    try:
        done = host.run("bash", "-c", command, environ=environ, timeout=60)
    except subprocess.TimeoutExpired:  # on a busy machine one scenario fails, not the whole run
        return f"at {check.where}: `{command}` did not end within a minute"
    said = (done.stdout + done.stderr).strip()
    if re.search(finds, said, re.MULTILINE | re.DOTALL):
        return ""
    return f"at {check.where}: `{command}` does not say {finds!r} but {said[-300:]!r}"
