# SPDX-License-Identifier: GPL-3.0-or-later
"""A real resolver to ask: unbound on loopback, where it is installed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.filterd.dns.authority import Authority

PROGRAM = shutil.which("unbound") or shutil.which("unbound", path="/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Ports:
    """Where unbound answers: by UDP and TCP, by TLS, by HTTPS."""

    plain: int
    tls: int
    https: int


def choose_ports() -> Ports:
    """Return ports that nobody holds."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(3):
            sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            found.append(sock.getsockname()[1])
    return Ports(*found)


@contextlib.asynccontextmanager
async def unbound(folder: Path, authority: Authority, *, ports: Ports, records: list[str]) -> AsyncIterator[None]:
    """Run unbound that knows *records*, lines of a zone, and asks nobody."""
    if PROGRAM is None:
        pytest.skip("unbound is not installed")
    lines = [
        *(f"interface: 127.0.0.1@{port}" for port in (ports.plain, ports.tls, ports.https)),
        f"tls-port: {ports.tls}", f"https-port: {ports.https}",
        f'tls-service-key: "{authority.key}"', f'tls-service-pem: "{authority.certificate}"',
        "do-daemonize: no", 'chroot: ""', 'username: ""', 'pidfile: ""', f'directory: "{folder}"',
        "use-syslog: no", 'logfile: ""', "num-threads: 1", 'module-config: "iterator"',
        'local-zone: "." static', *(f"local-data: '{record}'" for record in records),
    ]  # fmt: skip
    conf = folder / "unbound.conf"
    conf.write_text("server:\n" + "".join(f"  {line}\n" for line in lines))
    process = await asyncio.create_subprocess_exec(PROGRAM, "-d", "-c", conf)
    try:
        await _wait_for(process, ports.plain)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _wait_for(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(10):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)  # it tells nobody when it is ready
                continue
            writer.close()
            await writer.wait_closed()
            return
    raise AssertionError("unbound ended: its words stand above")
