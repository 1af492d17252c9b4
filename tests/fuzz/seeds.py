"""Small valid files, one or more per reader, which the fuzzer mutates."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.unit.lists.prefixes.mmdb_file import made

_TARGETS = Path(__file__).resolve().parents[2] / "targets"

_FORMATS: dict[str, bytes] = {
    "dump-xml": (
        '<?xml version="1.0" encoding="windows-1251"?>\n'
        '<reg:register updateTime="2024-06-11T17:20:03.000+03:00" formatVersion="2.4" xmlns:reg="http://rsoc.ru">'
        '<content id="7" includeTime="2024-06-05T00:55:02" entryType="4" blockType="domain" ts="2024-06-05T13:40:02">'
        '<decision date="2017-04-28" number="7-Restricting" org="суд"/><url><![CDATA[http://a.example/тайна]]></url>'
        "<domain><![CDATA[*.a.example]]></domain><ip>192.0.2.1</ip><ipSubnet>203.0.113.0/24</ipSubnet>"
        "<ipv6>2001:db8::1</ipv6></content></reg:register>"
    ).encode("cp1251"),
    "zi-csv": (
        "Updated: 2021-12-07 16:54:00 +0000\n"
        '192.0.2.1 | 2001:db8::1;a.example;"http://a.example/x;y";суд;2-1;2013-06-10\n'
        "203.0.113.0/24;*.b.example;;Роскомнадзор;7-Restricting;2017-04-28\n192.0.2.1;c.example\n"
    ).encode("cp1251"),
    "antifilter": b"a.example\n192.0.2.1\n203.0.113.0/24\n*.b.example\n",
    "roskomsvoboda": b'[{"appearDate": "2017-04-28", "domains": ["a.example"], "ips": ["192.0.2.1"]}, "b"]',
    "ripestat": b"""{"data_call_name": "announced-prefixes", "status": "ok", "data": {"resource": "64500", "prefixes": [
        {"prefix": "192.0.2.0/24", "timelines": [{"starttime": "2026-06-04T00:00:00", "endtime": "soon"}]}
        ]}}""",
    "ipverse": b"""{"asn": 64500, "metadata": {"handle": "H"},
        "prefixes": {"ipv4": ["192.0.2.0/24"], "ipv6": ["2001:db8::/32"]}}""",
    "delegated": b"2.3|apnic|20260618|92||20260617|+1000\napnic|*|ipv4|*|82|summary\n"
    b"apnic|CN|ipv4|1.12.0.0|768|20100511|allocated\napnic|CN|ipv6|240d:c000::|28|20130802|allocated|A9T\n"
    b"apnic|CN|asn|45056|60|20080201|allocated\n",
    "pfx2as": b"192.0.2.0\t24\t64500\n198.51.100.0\t24\t64500_64501\n2001:db8::\t32\t64500,64502\n",
    "bgptools": b'{"CIDR": "192.0.2.0/24", "ASN": 64500, "Hits": 6}\n{"CIDR": "2001:db8::/32", "ASN": 1, "Hits": 6}\n',
    "ip2asn": b"192.0.2.0\t192.0.4.255\t64500\tCN\tNET\n10.0.0.0\t10.255.255.255\t0\tNone\tNot routed\n",
    "imported": b"url,category_code,category_description,date_added,source,notes,service\n192.0.2.0/24,,,,x,AS64500,\n",
    "prefix-list": b"# AS64500 (NET)\n192.0.2.0/24\n2001:db8::/32\n",
    "testlist": b'url,category_code,category_description,source\nhttps://a.example/,NEWS,"News, all",x\n',
}

_CHANGE = (
    b'{"kind": "listed", "subject": "wechat.com", "service": "wechat", "decision": {"date": "2017-05-04"},'
    b' "addresses": ["192.0.2.1"], "after": "2017-05-03T17:00:00Z", "before": "2017-05-05T09:00:00+03:00"}\n'
)

SEEDS: dict[str, tuple[bytes, ...]] = {
    **{name: (content,) for name, content in _FORMATS.items()},
    "mmdb": (
        made(
            {
                "1.12.0.0/14": {"autonomous_system_number": 45090, "autonomous_system_organization": "Tencent"},
                "119.28.0.0/16": {"autonomous_system_number": 132203},
            }
        ),
    ),
    "services": tuple((_TARGETS / "services" / f"{name}.toml").read_bytes() for name in ("line", "telegram", "vchat")),
    "registers": ((_TARGETS / "registers.toml").read_bytes(),),
    "anchors": ((_TARGETS / "anchors.toml").read_bytes(),),
    "changes": (_CHANGE * 2,),
    "gzip": (gzip.compress(b"a.example\n" * 100, mtime=0) + gzip.compress(b"b.example\n", mtime=0), b"a.example\n"),
}
"""By the reader's name."""
