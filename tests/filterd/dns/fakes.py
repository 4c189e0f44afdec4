# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients, policies and upstreams for the tests of the DNS edge."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dnslib  # noqa: TID251 - an independent reading of what wire.py writes

from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Verdict

CLIENT = Client(address="192.0.2.7")
NOON = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
GAMBLING = Reason(Cause.CATEGORY_LIST, rule="casino.example", list="ut1-gambling", category="gambling")


def run[T](work: Awaitable[T]) -> T:
    """Run *work* to its end, and no longer than a test should take."""

    async def limited() -> T:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(limited())


async def until(condition: Callable[[], object]) -> None:
    """Wait until *condition* holds, for what a server does without telling anybody."""
    while not condition():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.001)


def question(
    name: str, qtype: str = "A", *, edns: int | None = 1232, do: bool = False, query_id: int = 0x1234, **flags: int
) -> bytes:
    """Return a client's query as dnslib writes it; *edns* is the size offered, ``None`` for a query without."""
    record = dnslib.DNSRecord.question(name, qtype)
    record.header.id = query_id
    for flag, value in flags.items():
        setattr(record.header, flag, value)
    if edns is not None:
        record.add_ar(dnslib.EDNS0(udp_len=edns, flags="do" if do else ""))
    return bytes(record.pack())


def read(message: bytes | None) -> Any:
    """Return *message* as dnslib reads it."""
    assert message is not None
    return dnslib.DNSRecord.parse(message)


def answers(message: bytes | None) -> list[tuple[str, str, str]]:
    """Return owner, type and data of the records in the answer section."""
    return [(str(rr.rname), dnslib.QTYPE[rr.rtype], str(rr.rdata)) for rr in read(message).rr]


def extended_error(message: bytes | None) -> tuple[int, str] | None:
    """Return code and text of the extended error in *message*."""
    for rr in read(message).ar:
        for option in rr.rdata if rr.rtype == dnslib.QTYPE.OPT else ():
            if option.code == 15:
                return int.from_bytes(option.data[:2]), option.data[2:].decode()
    return None


@dataclass
class FakeDecide:
    """A policy as a dictionary: host to verdict; what it does not name is allowed."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request, /) -> Decision:
        self.asked.append(request)
        return Decision(request, self.verdicts.get(request.host, Allow()), "child")


def blocking(*hosts: str) -> FakeDecide:
    """Return a policy that refuses *hosts* as gambling."""
    return FakeDecide({host: Block(GAMBLING) for host in hosts})


class Zone:
    """What a pretended upstream knows: records as in a zone file. It counts what it is asked."""

    def __init__(self, text: str = "") -> None:
        self.records = dnslib.RR.fromZone(text)
        self.asked: list[tuple[str, str]] = []

    def respond(self, raw: bytes) -> bytes:
        """Return the answer, aliases followed, with an SOA beside a "no"."""
        query = dnslib.DNSRecord.parse(raw)
        self.asked.append((str(query.q.qname), dnslib.QTYPE[query.q.qtype]))
        reply = query.reply(aa=0)
        name, known = query.q.qname, False
        for _ in range(8):
            here = [rr for rr in self.records if rr.rname == name]
            known = known or bool(here)
            wanted = [rr for rr in here if rr.rtype in (query.q.qtype, dnslib.QTYPE.CNAME)]
            reply.add_answer(*wanted)
            if not wanted or wanted[-1].rtype == query.q.qtype:
                break
            name = wanted[-1].rdata.label
        if not any(rr.rtype == query.q.qtype for rr in reply.rr):
            reply.header.rcode = 0 if known else 3
            reply.add_auth(*dnslib.RR.fromZone("example. 900 IN SOA ns.example. root.example. 1 2 3 4 600"))
        if query.ar:
            reply.add_ar(dnslib.EDNS0(udp_len=1232))
        return bytes(reply.pack())

    async def ask(self, question: bytes) -> bytes:
        """Answer as an upstream without a network."""
        await asyncio.sleep(0)
        return self.respond(question)


def truncated(raw: bytes) -> bytes:
    """Return the answer that sends who asked to TCP."""
    reply = dnslib.DNSRecord.parse(raw).reply()
    reply.header.tc = 1
    return bytes(reply.pack())
