# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones with every kind of record, one signed, and an unbound that serves and validates them."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.dnssec
import dns.dnssectypes
import dns.exception
import dns.message
import dns.name
import dns.node
import dns.query
import dns.rdata
import dns.rdataset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.support import wait_until

SIGNED, PLAIN = "signed.example", "plain.example"
HOSTS = 6

RECORDS = r"""
@ 3600 IN SOA ns root 1 3600 600 86400 300
@ 3600 IN NS ns
@ 3600 IN MX 10 mail
@ 3600 IN TXT "v=spf1 -all"
@ 3600 IN CAA 0 issue "ca.example"
ns 3600 IN A 192.0.2.53
mail 3600 IN A 192.0.2.25
www 300 IN CNAME h1
chain 300 IN CNAME chain2
chain2 300 IN CNAME chain3
chain3 300 IN CNAME h2
dangling 300 IN CNAME nowhere
sub 300 IN DNAME target
a.target 300 IN A 192.0.2.9
*.wild 300 IN A 192.0.2.10
*.wild 300 IN TXT "any"
x.y.deep 300 IN A 192.0.2.11
big 300 IN TXT {big}
many 300 IN A 192.0.2.1
many 300 IN A 192.0.2.2
many 300 IN AAAA 2001:db8::1
svc 300 IN HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.1" ech="AAj+DQAEAQIDBA=="
svc 300 IN SVCB 1 h3 port="853" key667="x"
alias 300 IN HTTPS 0 svc
_sip._tcp 300 IN SRV 1 2 5060 h4
_443._tcp.h5 300 IN TLSA 3 1 1 00000000000000000000000000000000000000000000000000000000000000ff
h5 300 IN SSHFP 4 2 00000000000000000000000000000000000000000000000000000000000000ee
num 300 IN NAPTR 100 10 "U" "E2U+sip" "!^.*$!sip:a@example.com!" .
where 300 IN LOC 25 17 0.000 S 57 38 0.000 W 100.00m 1m 10000m 10m
where 300 IN URI 10 1 "https://example.com/"
where 300 IN HINFO "PC" "Linux"
where 300 IN RP root.signed.example. text.signed.example.
odd 300 IN TYPE65333 \# 8 c00cc00c00000001
odd 300 IN TYPE999 \# 0
my\032printer._ipp._tcp 300 IN TXT "a name with a space"
MiXeD 300 IN A 192.0.2.12
zero 0 IN A 192.0.2.13
bogus 300 IN A 192.0.2.14
"""

NAMES = [
    "@", "ns", "mail", "www", "chain", "chain3", "dangling", "nowhere", "sub", "a.sub", "target", "a.target", "wild",
    "a.wild", "b.c.wild", "deep", "y.deep", "x.y.deep", "big", "many", "svc", "alias", "_sip._tcp", "_tcp",
    "_443._tcp.h5", "num", "where", "odd", r"my\032printer._ipp._tcp", "mixed", "mIxEd", "zero", "bogus",
    *(f"h{n}" for n in range(HOSTS)),
]  # fmt: skip
TYPES = [
    "A", "AAAA", "NS", "SOA", "MX", "TXT", "CNAME", "DNAME", "SRV", "PTR", "CAA", "HTTPS", "SVCB", "TLSA", "SSHFP",
    "NAPTR", "LOC", "URI", "HINFO", "RP", "DS", "DNSKEY", "NSEC", "RRSIG", "TYPE999", "TYPE65333",
]  # fmt: skip
FEW_TYPES = ["A", "AAAA", "TXT", "HTTPS", "NSEC", "TYPE999"]


def make_zone(origin: str) -> dns.zone.Zone:
    """Return the zone *origin*, not signed."""
    hosts = "".join(f"h{n} 300 IN A 192.0.2.{100 + n}\nh{n} 300 IN AAAA 2001:db8::{n:x}\n" for n in range(HOSTS))
    big = " ".join(f'"{str(n) * 100}"' for n in range(10, 25))
    return dns.zone.from_text(RECORDS.format(big=big) + hosts, dns.name.from_text(origin), relativize=False)


def sign(zone: dns.zone.Zone) -> str:
    """Sign *zone* and return its key as a trust anchor; one name in it is bent afterwards."""
    key = ec.generate_private_key(ec.SECP256R1())
    dnskey = dns.dnssec.make_dnskey(key.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=257)
    now = dt.datetime.now(dt.UTC)
    dns.dnssec.sign_zone(
        zone,
        keys=[(key, dnskey)],
        inception=now - dt.timedelta(days=1),
        expiration=now + dt.timedelta(days=1),
        add_dnskey=True,
        dnskey_ttl=3600,
    )
    name = dns.name.from_text(f"bogus.{SIGNED}")
    zone.replace_rdataset(name, dns.rdataset.from_text("IN", "A", 300, "192.0.2.15"))
    return f"{SIGNED}. IN DNSKEY {dnskey}\n"


CONFIGURATION = """
server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  chroot: ""
  username: ""
  pidfile: ""
  directory: "{folder}"
  use-syslog: no
  verbosity: 0
  ede: yes
  rrset-roundrobin: no
  trust-anchor-file: "{folder}/anchor"
  module-config: "validator iterator"
"""
AUTH_ZONE = """
auth-zone:
  name: "{name}."
  zonefile: "{folder}/{name}"
  for-downstream: no
  for-upstream: yes
"""


@contextlib.contextmanager
def unbound(folder: Path) -> Iterator[int]:
    """Run unbound with both zones, its files in *folder*; yields the port."""
    signed, plain = make_zone(SIGNED), make_zone(PLAIN)
    (folder / "anchor").write_text(sign(signed))
    for name, zone in ((SIGNED, signed), (PLAIN, plain)):
        zone.to_file(str(folder / name), relativize=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    zones = "".join(AUTH_ZONE.format(name=name, folder=folder) for name in (SIGNED, PLAIN))
    (folder / "unbound.conf").write_text(CONFIGURATION.format(port=port, folder=folder) + zones)
    command = [shutil.which("unbound") or "/usr/sbin/unbound", "-d", "-c", str(folder / "unbound.conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _answers(port), within_s=20, what="unbound answers")
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with contextlib.suppress(dns.exception.DNSException, OSError):
        asked = dns.message.make_query(f"h1.{PLAIN}", "A")
        return bool(dns.query.udp(asked, "127.0.0.1", port=port, timeout=0.5).answer)
    return False
