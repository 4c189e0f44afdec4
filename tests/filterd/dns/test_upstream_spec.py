# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream is named in one line, and a wrong line says what would be right."""

from __future__ import annotations

import ipaddress

import pytest

from filterd.dns.upstream_spec import KNOWN_RESOLVERS, Scheme, parse_upstream


@pytest.mark.parametrize(
    ("text", "scheme", "name", "port", "path", "addresses"),
    [
        ("udp://127.0.0.1:5300", Scheme.UDP, "127.0.0.1", 5300, "", ("127.0.0.1",)),
        ("udp://[2620:fe::fe]", Scheme.UDP, "2620:fe::fe", 53, "", ("2620:fe::fe",)),
        ("udp://localhost:53", Scheme.UDP, "localhost", 53, "", ("127.0.0.1", "::1")),
        ("tcp://192.0.2.1", Scheme.TCP, "192.0.2.1", 53, "", ("192.0.2.1",)),
        ("tls://1.1.1.1", Scheme.TLS, "1.1.1.1", 853, "", ("1.1.1.1",)),
        ("tls://192.0.2.1#dns.example", Scheme.TLS, "dns.example", 853, "", ("192.0.2.1",)),
        ("tls://dns.example:8853", Scheme.TLS, "dns.example", 8853, "", ()),
        ("https://dns.example/q?x=1", Scheme.HTTPS, "dns.example", 443, "/q?x=1", ()),
        ("https://192.0.2.1", Scheme.HTTPS, "192.0.2.1", 443, "/dns-query", ("192.0.2.1",)),
        (
            "https://DNS.Quad9.net/dns-query", Scheme.HTTPS, "dns.quad9.net", 443, "/dns-query",
            ("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9"),
        ),
    ],
)  # fmt: skip
def test_an_upstream_is_read(
    text: str, scheme: Scheme, name: str, port: int, path: str, addresses: tuple[str, ...]
) -> None:
    spec = parse_upstream(text)

    assert (spec.scheme, spec.name, spec.port, spec.path, spec.addresses) == (scheme, name, port, path, addresses)
    assert spec.text == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "use udp://ADDRESS"),
        ("9.9.9.9", "use udp://ADDRESS"),
        ("quic://9.9.9.9", "use udp://ADDRESS"),
        ("udp://", "use udp://ADDRESS"),
        ("udp://9.9.9.9:99999", "use udp://ADDRESS"),
        ("https://[::1", "use udp://ADDRESS"),
        ("udp://9.9.9.9:0", "port 0"),
        ("udp://9.9.9.9/dns-query", "no path"),
        ("tls://dns.example/dns-query", "no path"),
        ("udp://dns.example", "takes an IP address"),
        ("https://me:secret@dns.example/dns-query", "before the @"),
    ],
)
def test_what_is_no_upstream_says_what_would_be(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match="is no upstream") as caught:
        parse_upstream(text)

    assert hint in str(caught.value)


@pytest.mark.parametrize("name", KNOWN_RESOLVERS)
def test_a_known_resolver_has_addresses(name: str) -> None:
    assert [str(ipaddress.ip_address(address)) for address in KNOWN_RESOLVERS[name]] == list(KNOWN_RESOLVERS[name])
