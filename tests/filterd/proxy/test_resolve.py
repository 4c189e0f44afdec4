# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be dialled, and what is said where nothing may."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.proxy.resolve import NoRoute, PrivateTargets, Router, is_own_address, resolve_as_machine
from filterd.wording import Notice

NONE = PrivateTargets()

OFF_LIMITS = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.3.4",
    "192.168.1.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:192.168.1.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", OFF_LIMITS)
def test_an_address_that_is_not_public_is_off_limits(address: str) -> None:
    assert not NONE.permit("shop.example", address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "200.85.32.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert NONE.permit("shop.example", address)


@pytest.mark.parametrize(
    ("entry", "host", "address", "permitted"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "shop.example", "127.0.0.1", True),
        ("127.0.0.1", "shop.example", "::ffff:127.0.0.1", True),
        ("127.0.0.1", "shop.example", "127.0.0.2", False),
        ("192.168.7.0/24", "nas.example", "192.168.7.9", True),
        ("192.168.7.9/24", "nas.example", "192.168.7.8", True),
        ("192.168.7.0/24", "nas.example", "192.168.8.9", False),
        ("fd12::/16", "nas.example", "fd12::9", True),
        ("[::1]", "::1", "::1", True),
        ("escuela.local", "escuela.local", "10.0.0.5", True),
        ("Escuela.Local.", "moodle.escuela.local", "10.0.0.5", True),
        ("escuela.local", "otra.local", "10.0.0.5", False),
        ("0.0.0.0/0", "shop.example", "0.0.0.0", False),
        ("::/0", "shop.example", "ff02::1", False),
    ],
)
def test_the_adult_may_list_names_addresses_and_networks(
    entry: str, host: str, address: str, *, permitted: bool
) -> None:
    assert PrivateTargets.parse([entry]).permit(host, address) is permitted


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "a b", "", "http://x/", "300.1.1.1"])
def test_an_entry_that_is_nothing_of_that_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="private_targets") as caught:
        PrivateTargets.parse([entry])

    assert repr(entry) in str(caught.value)


@given(st.ip_addresses())
def test_no_spelling_of_a_private_address_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if isinstance(address, ipaddress.IPv4Address):
        mapped = ipaddress.IPv6Address((0xFFFF << 32) | int(address))
        translated = ipaddress.IPv6Address((0x64FF9B << 96) | int(address))

        permitted = NONE.permit("x.example", str(address))
        assert NONE.permit("x.example", str(mapped)) is permitted
        assert NONE.permit("x.example", str(translated)) is permitted
        assert permitted <= (not address.is_private)


class Names:
    """A resolver that answers what it was told to, and counts."""

    def __init__(self, answer: Sequence[str] | Exception) -> None:
        self.answer = answer
        self.times = 0

    async def __call__(self, _host: str) -> Sequence[str]:
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def find(router: Router, host: str = "shop.example") -> tuple[str, ...]:
    return asyncio.run(router.find(host))


def test_each_address_is_judged_and_the_rest_is_dialled_in_order() -> None:
    router = Router(Names(["2001:4860:4860::8888", "10.0.0.1", "::ffff:8.8.8.8", "8.8.8.8"]), NONE)

    assert find(router) == ("2001:4860:4860::8888", "8.8.8.8")


def test_a_name_that_our_resolver_blocks_leads_nowhere() -> None:
    with pytest.raises(NoRoute) as caught:
        find(Router(Names(["0.0.0.0", "::"]), PrivateTargets.parse(["0.0.0.0/0", "::/0"])))

    assert caught.value.notice is Notice.PRIVATE_TARGET


def test_an_address_is_not_looked_up() -> None:
    names = Names(["8.8.4.4"])

    assert find(Router(names, NONE), "8.8.8.8") == ("8.8.8.8",)
    assert names.times == 0


@pytest.mark.parametrize(
    ("failure", "notice"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Notice.NAME_NOT_FOUND),
        (socket.gaierror(socket.EAI_AGAIN, "later"), Notice.NAME_TROUBLE),
        (TimeoutError(), Notice.NAME_TROUBLE),
        (OSError("network"), Notice.NAME_TROUBLE),
        (UnicodeError("label too long"), Notice.NAME_TROUBLE),
        ([], Notice.NAME_NOT_FOUND),
    ],
)
def test_a_look_up_that_fails_says_how(failure: Exception | list[str], notice: Notice) -> None:
    with pytest.raises(NoRoute) as caught:
        find(Router(Names(failure), NONE))

    assert caught.value.notice is notice


def test_a_look_up_that_never_ends_is_given_up() -> None:
    async def hang(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(NoRoute) as caught:
        find(Router(hang, NONE, timeout_s=0.01))

    assert caught.value.notice is Notice.NAME_TROUBLE


def test_an_answer_is_remembered_for_a_short_while() -> None:
    names, clock = Names(["8.8.8.8"]), Clock()
    router = Router(names, NONE, keep_s=20, monotonic=clock)

    find(router)
    clock.now += 19
    find(router)
    assert names.times == 1

    clock.now += 2
    find(router)
    assert names.times == 2


def test_an_answer_that_leads_nowhere_is_asked_for_again() -> None:
    names = Names(["0.0.0.0"])
    router = Router(names, NONE)
    with pytest.raises(NoRoute):
        find(router)
    names.answer = ["8.8.8.8"]

    assert find(router) == ("8.8.8.8",)


def test_what_is_remembered_is_bounded() -> None:
    router = Router(Names(["8.8.8.8"]), NONE)

    async def find_many() -> None:
        for number in range(5000):
            await router.find(f"h{number}.example")

    asyncio.run(find_many())

    assert len(router._known) <= 4096


def test_this_machine_knows_its_own_name() -> None:
    assert set(asyncio.run(resolve_as_machine("localhost"))) <= {"127.0.0.1", "::1"}


def test_an_address_of_this_machine_is_known_as_such() -> None:
    assert is_own_address("127.0.0.1")
    assert not is_own_address("192.0.2.1")
