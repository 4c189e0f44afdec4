# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the proxy serves, how many, and which ports it reaches."""

from __future__ import annotations

import pytest

from filterd.proxy.limits import Limits, Places, is_near, is_web_port, raise_open_files


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("192.168.7.9", True),
        ("100.64.3.4", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd12::1", True),
        ("::ffff:10.0.0.1", True),
        ("203.0.113.7", False),
        ("2001:db8::1", False),
        ("::ffff:203.0.113.7", False),
        ("nonsense", False),
    ],
)
def test_only_the_house_is_served(address: str, near: bool) -> None:
    assert is_near(address) is near


@pytest.mark.parametrize(
    ("port", "web"),
    [(80, True), (443, True), (8443, True), (25, False), (22, False), (6667, False), (0, False), (70000, False)],
)
def test_only_ports_of_the_web_are_reached(port: int, web: bool) -> None:
    assert is_web_port(port) is web


def test_places_are_taken_and_given_back() -> None:
    places = Places(Limits(clients=2, clients_an_address=1))

    assert places.take("a")
    assert not places.take("a"), "one device must not take all places"
    assert places.take("b")
    assert not places.take("c"), "all are taken"
    places.leave("a")
    assert places.take("c")


def test_as_many_clients_are_promised_as_there_are_files_for() -> None:
    assert raise_open_files(10) == 10
    assert raise_open_files(10**9) < 10**9
