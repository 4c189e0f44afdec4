# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system refuses of a batch loses no more than it must; the rest is shown by test_datagrams.py."""

from __future__ import annotations

import ctypes
import errno
import select
import socket

import pytest

from filterd.dns import batches
from filterd.dns.batches import Batches, can_batch
from filterd.dns.peer import ask_for_destination

pytestmark = pytest.mark.skipif(not can_batch(), reason="recvmmsg and sendmmsg are Linux's")


def receive(server: socket.socket, served: Batches) -> None:
    assert select.select([server], [], [], 5)[0]
    served.receive()


@pytest.mark.parametrize(
    ("results", "lost"),
    [
        pytest.param([3], 0, id="all at once"),
        pytest.param([1, 2], 0, id="in two parts"),
        pytest.param([1, -errno.EINTR, 2], 0, id="interrupted"),
        pytest.param([1, -errno.EAGAIN], 2, id="no room"),
        pytest.param([-errno.ENOBUFS], 3, id="no memory"),
        pytest.param([1, -errno.ECONNREFUSED, 2], 0, id="an error of an answer sent before"),
        pytest.param([1, -errno.EPERM, -errno.EPERM, 1], 1, id="one that may not be sent"),
        pytest.param([-errno.EINVAL] * 6, 3, id="none that may be sent"),
    ],
)
def test_a_batch_sent_in_parts_loses_no_more_than_it_must(results: list[int], lost: int) -> None:
    asked: list[int] = []
    left = list(results)

    def sendmmsg(_fd: int, _headers: int, count: int, _flags: int) -> int:
        asked.append(count)
        result = left.pop(0)
        if result < 0:
            ctypes.set_errno(-result)
            return -1
        return result

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        served = Batches(server)
        for n in range(3):
            client.send(bytes([0, n]) + b"?")
        receive(server, served)
        served._send_call = sendmmsg

        assert served.send([b"!"] * 3) == lost
        assert (left, asked[0]) == ([], 3)


def test_sources_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_MAX_SOURCES", 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 0))
        ask_for_destination(server)
        served = Batches(server)
        for last in (1, 2, 3, 4, 1):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(5)
                client.connect((f"127.0.0.{last}", server.getsockname()[1]))
                client.send(b"\0\1?")
                receive(server, served)
                served.send([b"!"])

                assert client.recv(99) == b"\0\1!"
        assert len(served._prepared) <= 2
