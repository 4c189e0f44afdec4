# SPDX-License-Identifier: GPL-3.0-or-later
"""One host, one spelling."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.domains import (
    InvalidHost,
    Target,
    covers,
    depth,
    is_address,
    normalise_host,
    split_target,
    suffixes,
)

labels = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,10}[a-z0-9_])?", fullmatch=True)
names = st.builds(
    lambda front, tld: ".".join([*front, tld]),
    st.lists(labels, min_size=1, max_size=5),
    st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True),
)


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        (" example.com\n", "example.com"),
        ("_dns.resolver.arpa", "_dns.resolver.arpa"),
        ("localhost", "localhost"),
        ("ñandutí.com.py", "xn--andut-3saw.com.py"),
        ("ÑANDUTÍ.COM.PY", "xn--andut-3saw.com.py"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("i❤.ws", "xn--i-7iq.ws"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("ｅxample.com", "example.com"),
    ],
)
def test_a_name_has_one_spelling(spelling: str, canonical: str) -> None:
    assert normalise_host(spelling) == canonical


@pytest.mark.parametrize(
    "spelling",
    [
        "93.184.216.34",
        "93.184.216.34.",
        "1572395042",
        "0x5db8d822",
        "0135.0270.0330.042",
        "0x5d.0xb8.0xd8.0x22",
        "93.12113954",
        "93.184.55330",
        "::ffff:93.184.216.34",
        "[::ffff:5db8:d822]",
        "0X5DB8D822",
    ],
)
def test_an_ipv4_address_has_one_spelling(spelling: str) -> None:
    assert normalise_host(spelling) == "93.184.216.34"


@pytest.mark.parametrize(
    "spelling", ["2001:db8::1", "[2001:DB8::1]", "2001:0db8:0:0:0:0:0:1", "[2001:db8::1%eth0]", "[2001:db8::1]."]
)
def test_an_ipv6_address_has_one_spelling(spelling: str) -> None:
    assert normalise_host(spelling) == "2001:db8::1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a b.com",
        "exa mple",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.0x1ff",
        "09.1.1.1",
        "1.2.3.foo.4",
        "[::1",
        "::g",
        "x" * 64 + ".com",
        ".".join(["a" * 60] * 5),
        "a,b.com",
        "<b>.com",
        "9" * 5000,
        "a:b",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(InvalidHost):
        normalise_host(text)


@given(st.text(max_size=80))
def test_any_text_gives_a_canonical_host_or_is_refused(text: str) -> None:
    try:
        host = normalise_host(text)
    except InvalidHost:
        return

    assert normalise_host(host) == host
    assert host == host.lower()
    assert host.isascii()


@given(names)
def test_case_and_final_dot_change_nothing(name: str) -> None:
    mixed = "".join(c.upper() if at % 2 else c for at, c in enumerate(name))

    assert normalise_host(mixed + ".") == normalise_host(name)


@given(st.ip_addresses(v=4))
def test_every_base_of_an_address_is_the_same_host(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    spellings = [str(number), hex(number), f"0{number:o}", f"::ffff:{address}"]

    assert {normalise_host(s) for s in spellings} == {str(address)}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("example.com", Target("example.com")),
        ("EXAMPLE.com.:8080", Target("example.com")),
        ("juan@example.com", Target("example.com")),
        ("http://example.com", Target("example.com", "http://example.com/")),
        ("https://user:pw@Example.com:443/a?b=c#d", Target("example.com", "https://example.com/a?b=c")),
        ("https://example.com:8443/a", Target("example.com", "https://example.com:8443/a")),
        ("http://good.example@bad.example/", Target("bad.example", "http://bad.example/")),
        ("http:\\\\bad.example\\x", Target("bad.example", "http://bad.example/x")),
        ("http:/bad.example/x", Target("bad.example", "http://bad.example/x")),
        ("HTTPS:bad.example", Target("bad.example", "https://bad.example/")),
        ("http://1572395042/", Target("93.184.216.34", "http://93.184.216.34/")),
        ("http://[::1]:80/x", Target("::1", "http://[::1]/x")),
        ("[::1]:5335", Target("::1")),
        ("::1", Target("::1")),
        ("example.com/bet", Target("example.com", "http://example.com/bet")),
        ("//example.com/bet", Target("example.com", "http://example.com/bet")),
        ("http://%65xample.com/", Target("example.com", "http://example.com/")),
        ("exa\tmple.com", Target("example.com")),
        ("example.com?q=1", Target("example.com", "http://example.com/?q=1")),
    ],
)
def test_a_host_or_url_is_read_as_a_browser_reads_it(text: str, target: Target) -> None:
    assert split_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "http://",
        "https:///",
        "mailto:a@example.com",
        "javascript:alert(1)",
        "dos palabras",
        "example.com:http",
        "http://ex ample.com/",
        "data:text/html,x",
    ],
)
def test_what_names_no_host_is_refused(text: str) -> None:
    with pytest.raises(InvalidHost):
        split_target(text)


@given(st.text(max_size=80))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        target = split_target(text)
    except InvalidHost:
        return

    assert normalise_host(target.host) == target.host
    if target.url is not None:
        assert split_target(target.url) == target


@given(names)
def test_suffixes_run_from_the_name_to_its_top_domain(name: str) -> None:
    found = list(suffixes(name))

    assert found[0] == name
    assert [depth(s) for s in found] == list(range(depth(name), 0, -1))
    assert all(covers(s, name) for s in found)


def test_an_address_has_no_parent_domains() -> None:
    assert list(suffixes("10.0.0.1")) == ["10.0.0.1"]
    assert not covers("0.0.1", "10.0.0.1")
    assert is_address("10.0.0.1")
    assert is_address("::1")
    assert not is_address("example.com")
    assert not is_address("1.example")


def test_a_name_that_only_ends_alike_is_not_covered() -> None:
    assert not covers("example.com", "badexample.com")
    assert covers("example.com", "www.example.com")


def test_a_wrong_name_is_shown_in_one_short_line() -> None:
    with pytest.raises(InvalidHost) as refused:
        split_target("a b\n" * 30_000)

    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)
