# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be served is served; a certificate that cannot be used is told, and tried again."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filterd.dns.pipeline import Pipeline
from filterd.dns.server_dot import ALPN, DotServer
from filterd.dns.tls import Certificate
from filterd.policy.model import Client
from filterd.roles.dns_encrypted import EncryptedServers, Serving
from filterd.sockets import Bound, Handed
from tests.filterd.dns.authority import Authority, make_authority
from tests.filterd.dns.fakes import FakeDecide


async def no_upstream(_query: bytes) -> bytes:
    raise AssertionError("nobody is asked")


@dataclass
class Scene:
    """DoT on a socket, with files that may be there or not."""

    authority: Authority
    sock: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    told: list[str] = field(default_factory=list)
    time: float = 0.0

    def make(self, bound: Bound) -> Serving:
        files = self.authority
        certificate = Certificate(files.certificate, files.key, alpn=ALPN, now=lambda: self.time)
        pipeline = Pipeline(FakeDecide(), no_upstream, clock=lambda: datetime.now(UTC))
        server = DotServer(bound.socket, pipeline, lambda address, _=None: Client(address), certificate=certificate)
        return server, certificate

    async def shakes_hands(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.authority.ca_file))
        port = self.sock.getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="dns.example")
        writer.close()
        await writer.wait_closed()
        return True


@asynccontextmanager
async def encrypted(tmp_path: Path) -> AsyncIterator[tuple[Scene, EncryptedServers]]:
    scene = Scene(make_authority(tmp_path))
    bound = Bound(Handed("dns", "tcp", scene.sock.fileno(), "127.0.0.1:853", mode="dot"), scene.sock)
    servers = EncryptedServers([bound], make=scene.make, tell=scene.told.append)
    try:
        yield scene, servers
    finally:
        await servers.stop()
        scene.sock.close()


def test_one_without_a_certificate_waits_until_it_is_there(tmp_path: Path) -> None:
    async def work() -> None:
        async with encrypted(tmp_path) as (scene, servers):
            lost = scene.authority.certificate.rename(tmp_path / "lost.pem")
            for _ in range(2):
                await servers.start()
            assert servers.counters() == {}
            lost.rename(scene.authority.certificate)
            await servers.start()

            assert await scene.shakes_hands()
            assert len(scene.told) == 2
            assert scene.told[0].startswith(f"dot: not served: {scene.authority.certificate}: ")
            assert scene.told[1] == ""
            assert servers.counters()["dot_accepted"] == 1

    asyncio.run(work())


def test_files_that_go_bad_are_told_though_what_was_read_serves_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with encrypted(tmp_path) as (scene, servers):
            await servers.start()
            scene.authority.key.rename(tmp_path / "lost.pem")
            scene.time = 60.0
            await servers.start()

            assert await scene.shakes_hands()
            assert len(scene.told) == 1
            assert "stays in force" in scene.told[0]

    asyncio.run(work())


def test_a_certificate_put_back_is_no_problem_any_more(tmp_path: Path) -> None:
    async def work() -> None:
        async with encrypted(tmp_path) as (scene, servers):
            await servers.start()
            lost = scene.authority.key.rename(tmp_path / "lost.pem")
            scene.time = 60.0
            await servers.start()
            lost.rename(scene.authority.key)
            scene.time = 120.0
            await servers.start()

            assert scene.told[1:] == [""]

    asyncio.run(work())
