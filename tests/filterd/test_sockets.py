# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports are taken once, held over restarts, and refused in one line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.settings import Dns, EncryptedListener, Proxy, ProxyListener, Settings
from filterd.sockets import Bound, PortError, bind_all, close_all, from_environment, to_environment


@pytest.fixture
def short_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")  # a Unix socket's path has 107 bytes at most


@pytest.fixture
def bound(short_folder: Path) -> Iterator[list[Bound]]:
    proxy = Proxy(listen="127.0.0.1:0", listeners=(ProxyListener(listen="127.0.0.1:0", profile="adult"),))
    found = bind_all(Settings(dns=Dns(listen=("127.0.0.1:0", "[::1]:0")), proxy=proxy), short_folder)
    yield found
    close_all(found)


def test_dns_has_one_port_for_udp_and_tcp(bound: list[Bound]) -> None:
    ports: dict[str, set[str]] = {}
    for entry in bound:
        if entry.handed.role == "dns":
            ports.setdefault(entry.handed.address, set()).add(entry.handed.kind)

    assert all(kinds == {"udp", "tcp"} for kinds in ports.values())
    assert any(address.startswith("127.0.0.1:") for address in ports)


def test_each_role_is_handed_its_own(bound: list[Bound], monkeypatch: pytest.MonkeyPatch) -> None:
    environment, descriptors = to_environment(bound, "proxy")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    inherited = from_environment()
    found = [(entry.handed.address, entry.handed.profile) for entry in inherited]
    for entry in inherited:
        entry.socket.detach()

    assert len(descriptors) == 2
    assert found == [(b.handed.address, b.handed.profile) for b in bound if b.handed.role == "proxy"]
    assert found[1][1] == "adult"


def test_workers_share_a_port_with_sockets_of_their_own(short_folder: Path) -> None:
    settings = Settings(
        dns=Dns(listen=("127.0.0.1:0",), workers=3), proxy=Proxy(listen=""), dot=EncryptedListener(listen="127.0.0.1:0")
    )
    found = bind_all(settings, short_folder)
    try:
        plain = [b.handed for b in found if b.handed.role.startswith("dns") and not b.handed.mode]
        encrypted = [b.handed for b in found if b.handed.mode == "dot"]
    finally:
        close_all(found)

    assert [(h.role, h.kind) for h in plain] == [
        (role, kind) for role in ("dns", "dns-2", "dns-3") for kind in ("udp", "tcp")
    ]
    assert len({h.address for h in plain}) == 1
    assert [h.role for h in encrypted] == ["dns", "dns-2", "dns-3"]
    assert len({h.address for h in encrypted}) == 1


def test_one_worker_shares_its_port_with_nobody(short_folder: Path) -> None:
    found = bind_all(Settings(dns=Dns(listen=("127.0.0.1:0",)), proxy=Proxy(listen="")), short_folder)
    try:
        shared = [b.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) for b in found if b.handed.role == "dns"]
    finally:
        close_all(found)

    assert shared == [0, 0]


def test_a_port_that_is_taken_is_named_with_the_way_out(short_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(PortError) as refused:
            bind_all(Settings(dns=Dns(listen=(listen,)), proxy=Proxy(listen="")), short_folder)

    message = str(refused.value.strerror)
    assert message.startswith(f"{listen} (TCP): already in use")
    assert "[dns] listen" in message


def test_an_address_that_is_not_here_is_named(short_folder: Path) -> None:
    with pytest.raises(PortError, match="no such address"):
        bind_all(Settings(dns=Dns(listen=("192.0.2.1:0",))), short_folder)


def test_an_empty_listen_switches_a_part_off(short_folder: Path) -> None:
    found = bind_all(Settings(dns=Dns(listen=()), proxy=Proxy(listen="")), short_folder)
    close_all(found)

    assert {entry.handed.role for entry in found} == {"control"}


def test_the_paths_are_gone_after_closing_and_a_left_one_is_taken_over(short_folder: Path) -> None:
    (short_folder / "control.sock").write_text("left by one that was killed")
    found = bind_all(Settings(dns=Dns(listen=()), proxy=Proxy(listen="")), short_folder)
    was_there = (short_folder / "control.sock").is_socket()
    close_all(found)

    assert was_there
    assert list(short_folder.iterdir()) == []
