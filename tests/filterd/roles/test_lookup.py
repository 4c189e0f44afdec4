# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's own names first, then the upstreams."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from filterd.dns.upstream_spec import UpstreamError
from filterd.roles.lookup import Lookup, parse_hosts

HOSTS = """127.0.0.1 localhost
192.0.2.7 Printer.Home.  printer # ours
nonsense

::1 localhost
0x7f.1 odd
# 192.0.2.9 no
"""


class Answering:
    """An upstream: every A is 192.0.2.1, there is no AAAA; asked names are kept."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, question: bytes) -> bytes:
        self.asked += 1
        end = question.index(b"\0", 12) + 5
        head = question[:2] + b"\x81\x80\x00\x01"
        if question[end - 4 : end - 2] == b"\0\x01":
            record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04" + socket.inet_aton("192.0.2.1")
            return head + b"\0\x01\0\0\0\0" + question[12:end] + record
        return head + b"\0\0\0\0\0\0" + question[12:end]


async def dead(_: bytes) -> bytes:
    raise UpstreamError("it is off")


@pytest.fixture
def hosts_file(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    return path


def test_the_hosts_file_goes_first_and_is_read_again_when_it_changes(hosts_file: Path) -> None:
    upstream = Answering()
    lookup = Lookup(upstream, hosts_file=hosts_file)
    before = asyncio.run(lookup("printer.home"))
    hosts_file.write_text("192.0.2.8 printer.home\n")
    os.utime(hosts_file, (1, 1))

    assert before == ["192.0.2.7"]
    assert asyncio.run(lookup("printer.home")) == ["192.0.2.8"]
    assert upstream.asked == 0


def test_other_names_are_asked_of_the_upstreams(hosts_file: Path) -> None:
    assert asyncio.run(Lookup(Answering(), hosts_file=hosts_file)("example.org")) == ["192.0.2.1"]


def test_without_a_hosts_file_upstreams_are_asked(tmp_path: Path) -> None:
    assert asyncio.run(Lookup(Answering(), hosts_file=tmp_path / "absent")("example.org")) == ["192.0.2.1"]


def test_a_dead_upstream_is_trouble_not_an_unknown_name(hosts_file: Path) -> None:
    with pytest.raises(socket.gaierror) as trouble:
        asyncio.run(Lookup(dead, hosts_file=hosts_file)("example.org"))

    assert trouble.value.errno == socket.EAI_AGAIN


def test_an_upstream_that_fails_is_trouble_too(hosts_file: Path) -> None:
    async def failing(question: bytes) -> bytes:
        return question[:2] + b"\x81\x82\x00\x01\0\0\0\0\0\0" + question[12 : question.index(b"\0", 12) + 5]

    with pytest.raises(socket.gaierror) as trouble:
        asyncio.run(Lookup(failing, hosts_file=hosts_file)("example.org"))

    assert trouble.value.errno == socket.EAI_AGAIN


def test_lines_of_the_hosts_file_that_make_no_sense_are_skipped() -> None:
    found = parse_hosts(HOSTS)

    assert found["localhost"] == ["127.0.0.1", "::1"]
    assert found["printer"] == ["192.0.2.7"]
    assert found["odd"] == ["127.0.0.1"]
    assert "no" not in found
