# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolvers that misbehave when told: what lies behind the filter while it is soaked and flooded.

As a program: binds as many as asked for, prints their ports in one line, then takes lines such as `0 dead` or
`1 well` until its input ends. The address of a name follows from the name, so that who asks can tell a wrong answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

BEHAVIOURS = ("well", "dead", "slow", "truncate", "garbage", "refuse", "malformed")
"""Answers; is silent; answers after half a second; sends to TCP; answers with what answers nothing; says SERVFAIL;
answers what was asked with records that cannot be read.
"""

TTL_S = 20
_SLOW_S = 0.5
_HEADER = 12


def address_of(name: bytes) -> bytes:
    """Return the address of *name*, in lower case on the wire: in a network that is nobody's here, and not private."""
    return b"\x0b" + (zlib.crc32(name) & 0xFFFFFF).to_bytes(3)


def answer(query: bytes) -> bytes:
    """Return the answer to *query*: an address to A, "none" to all else."""
    end = query.index(0, _HEADER) + 5
    question = query[_HEADER:end]
    if question[-4:] != b"\0\1\0\1":
        return query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + question
    record = b"\xc0\x0c\0\1\0\1" + TTL_S.to_bytes(4) + b"\0\x04" + address_of(question[:-4].lower())
    return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + record


@dataclass
class Resolver(asyncio.DatagramProtocol):
    """One of them, by UDP and TCP."""

    behaviour: str = "well"
    chance: random.Random = field(default_factory=lambda: random.Random(5653))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer as it behaves now."""
        match self.behaviour:
            case "well":
                self._send(answer(data), addr)
            case "slow":
                asyncio.get_running_loop().call_later(_SLOW_S, self._send, answer(data), addr)
            case "truncate":
                self._send(data[:2] + b"\x83\x80\0\1\0\0\0\0\0\0" + data[_HEADER : data.index(0, _HEADER) + 5], addr)
            case "garbage":
                self._send(self._garble(answer(data)), addr)
            case "malformed":
                self._send(answer(data)[:-3], addr)
            case "refuse":
                self._send(data[:2] + b"\x81\x82\0\1\0\0\0\0\0\0" + data[_HEADER : data.index(0, _HEADER) + 5], addr)

    def _send(self, message: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(message, addr)

    def _garble(self, message: bytes) -> bytes:
        """Return *message* so that nobody may believe it: cut, with another id or question, or all noise."""
        name_at = _HEADER + 1
        other = bytes([message[name_at] ^ 1]) if message[name_at : name_at + 1].isalnum() else b"q"
        garbled = [
            message[: self.chance.randrange(1, _HEADER)],
            bytes([message[0] ^ 0xFF]) + message[1:],
            message[:name_at] + other + message[name_at + 1 :],
            self.chance.randbytes(self.chance.randrange(1, 600)),
        ]
        return self.chance.choice(garbled)

    async def serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer by TCP, whose answers are well as long as anything comes."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while self.behaviour != "dead":
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                message = answer(query)
                writer.write(len(message).to_bytes(2) + message)
        writer.close()


async def serve(count: int) -> None:
    """Serve *count* resolvers until standard input ends."""
    loop = asyncio.get_running_loop()
    resolvers, ports = [], []
    for _ in range(count):
        resolver = Resolver()
        udp, tcp = bind_both()
        await loop.create_datagram_endpoint(lambda made=resolver: made, sock=udp)  # type: ignore[misc]  # a default
        await asyncio.start_server(resolver.serve_stream, sock=tcp)
        resolvers.append(resolver)
        ports.append(udp.getsockname()[1])
    print(*ports, flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        which, behaviour = line.decode().split()
        resolvers[int(which)].behaviour = behaviour


def bind_both() -> tuple[socket.socket, socket.socket]:
    """Return sockets of both kinds on one port of loopback, the second listening."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind(("127.0.0.1", 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            tcp.bind(udp.getsockname())
            tcp.listen(64)
        except OSError:  # somebody else's port by TCP
            udp.close()
            tcp.close()
            continue
        return udp, tcp


@dataclass
class World:
    """The resolvers as another process sees them."""

    ports: list[int]
    commands: IO[str]

    def behave(self, which: int, behaviour: str) -> None:
        """Have resolver *which* behave as one of `BEHAVIOURS`."""
        assert behaviour in BEHAVIOURS
        self.commands.write(f"{which} {behaviour}\n")
        self.commands.flush()


@contextlib.contextmanager
def world(count: int) -> Iterator[World]:
    """Run *count* resolvers in a process of their own."""
    command = [sys.executable, __file__, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield World([int(port) for port in process.stdout.readline().split()], process.stdin)
        process.stdin.close()
        process.wait(10)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
