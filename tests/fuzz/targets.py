# SPDX-License-Identifier: GPL-3.0-or-later
"""What is fuzzed: all that reads bytes of strangers, each with what must hold whatever the bytes are."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from filterd.dns import doh, wire
from filterd.dns.answer import is_answer_to, read_answer, read_records
from filterd.dns.fastpath import FastPath
from filterd.dns.http_session import MAX_BODY, Http1, Http2, Request, Response
from filterd.dns.listener import StreamCounters
from filterd.dns.padding import BLOCK, pad
from filterd.dns.pipeline import Reply
from filterd.dns.server_tcp import MAX_QUERY, FramedConversation
from filterd.dns.stale import error_codes
from filterd.dns.svcb import hints, read_service, strip, write_service
from filterd.dns.trimming import trim
from filterd.dns.wire import ExtendedError, ProtocolError

Target = Callable[[bytes], None]

_HOSTS = doh.service_for(["dns.example"])


def query(raw: bytes) -> None:
    """A query is read or refused; what answers it carries its id and its question, and fits."""
    try:
        asked = wire.parse_query(raw)
    except ProtocolError as error:
        _refused(raw, error.rcode)
        return
    assert raw[12:].startswith(asked.question)
    assert asked.host == asked.host.lower()
    assert asked.udp_size >= wire.MIN_UDP_SIZE
    message = wire.reply(asked, answers=[wire.hinfo_record(ttl=1)] * (len(raw) % 90), error=ExtendedError(17, "x" * 60))
    short = wire.fit(asked, message, limit=512)
    assert message[:2] == short[:2] == raw[:2]
    assert message[12:].startswith(asked.question)
    assert short is message or (len(short) <= 512 and short[2] & 2)
    padded = pad(message)
    assert len(padded) % BLOCK == 0 or padded is message
    read_answer(padded)


def _refused(raw: bytes, rcode: int | None) -> None:
    reply = wire.error_reply(raw, rcode)
    assert reply is None or (reply[:2] == raw[:2] and reply[2] & 0x80 and reply[3] & 15 == rcode)


def name(raw: bytes) -> None:
    """Reading a name ends, within the message and the limit; what is judged of it is a host or nothing."""
    at = raw[0] if raw else 0
    try:
        labels, end = wire.read_name(raw, at)
    except (ProtocolError, IndexError):
        return
    assert sum(map(len, labels)) + len(labels) < wire.MAX_WIRE_NAME
    assert at < end <= len(raw)
    host = wire.host_of(labels)
    if host:
        assert wire.host_of(wire.read_name(wire.encode_name(host), 0)[0]) == host


def answer(raw: bytes) -> None:
    """An upstream's message is read or malformed; what is passed on can be read again and says the same."""
    try:
        came = read_answer(raw)
    except ProtocolError:
        return
    if any(record.type == wire.OPT for record in read_records(came.message)):
        return  # one that is not additional: no honest message has it, and its TTL is none
    assert all(0 <= ttl <= 0x7FFFFFFF for _, ttl in came.ttls)
    assert came.keep_s <= 86400
    error_codes(came.errors)
    question_end = wire.skip_name(raw, wire.HEADER_SIZE) + 4
    try:
        asked = wire.parse_query(raw[:2] + b"\1\0\0\1\0\0\0\0\0\0" + raw[wire.HEADER_SIZE : question_end])
    except ProtocolError:
        return  # nobody asked that
    try:
        passed = read_answer(came.for_client(asked, age_s=10, at_most_s=100))
    except ProtocolError:
        return  # the name of an alias leads through a TTL, which no honest message has
    assert (passed.rcode, passed.packed) == (came.rcode & 15, came.packed)
    assert all(ttl <= 100 for _, ttl in passed.ttls)


def trimmed(raw: bytes) -> None:
    """An answer of which records are taken out is still one, and has lost those."""
    try:
        came = read_answer(raw)
        left = trim(came, lambda rtype, data: None if rtype in (wire.A, wire.HTTPS) else data)
    except ProtocolError:
        return
    records = read_records(left.message)
    assert not [r for r in records if r.section != 1 and r.type in (wire.A, wire.HTTPS)]
    assert left.rcode == came.rcode


def matched(raw: bytes) -> None:
    """What is taken for the answer to our question repeats it."""
    question = wire.make_question(b"\3www\7example\0", wire.A)
    message = question[:2] + raw
    if is_answer_to(message, question, same_case=True) and message[4:12] != bytes(8):
        assert message[12:29] == question[12:29]


def services(raw: bytes) -> None:
    """A service record is read or not; what is left of it hints at nothing refused and can be read."""
    list(hints(raw))
    for inspected in (False, True):
        left = strip(raw, inspected=inspected, refuses=lambda packed: packed[0] % 2)
        if left is None or left is raw:
            continue
        assert not [packed for packed in hints(left) if packed[0] % 2]
        head, params = read_service(left)
        assert write_service(head, params) == left


def ready(raw: bytes) -> None:
    """A query that got a ready answer is given that one, with its own id and letter case; another one never."""
    try:
        asked = wire.parse_query(raw)
    except ProtocolError:
        return
    message = wire.reply(asked, answers=[wire.Record(wire.A, 60, b"\1\2\3\4")])
    fast = FastPath(lambda _client: "", now=lambda: 5.0, wall=lambda: 5.0)
    fast.put(raw, Reply(message, ready_s=50), profile="", generation=0)
    mine = fast.ready_for("")
    found = fast.find(mine, raw[2:], 5.0)
    end = wire.HEADER_SIZE + len(asked.question) - 4
    zero_in_label = 0 in raw[wire.HEADER_SIZE : end - 1]  # such a name is found in the letter case of its key only
    assert (found is not None) == bool(len(fast)) or zero_in_label
    if found is None:
        return
    assert found[10:].startswith(asked.question)
    assert found[len(asked.question) + 10 :].startswith(b"\xc0\x0c\0\1\0\1")
    for at in range(2, len(raw)):
        other = bytearray(raw)
        other[at] ^= 1 + raw[0] % 255
        same_name = wire.HEADER_SIZE <= at < end and bytes(other[:end]).lower() == raw[:end].lower()
        is_found = fast.find(mine, bytes(other[2:]), 5.0) is not None
        assert is_found == same_name or (same_name and zero_in_label)


def over_https(raw: bytes) -> None:
    """A request is refused with a status or holds a query within bounds, whichever way it was sent."""
    text = raw.decode("latin-1")
    first, _, rest = text.partition("\n")
    for method, body in (("GET", b""), ("POST", raw)):
        for target in (f"/dns-query?dns={text}", f"/dns-query/{first}?{rest}", text):
            found = doh.read_request(Request(0, method, "dns.example", target, doh.MEDIA_TYPE, body), _HOSTS)
            if isinstance(found, Response):
                assert 400 <= found.status < 500
            else:
                assert wire.HEADER_SIZE <= len(found.raw) <= max(MAX_BODY, len(body))
                assert not found.raw[2] & 0x80


def http(raw: bytes) -> None:
    """No bytes of a client bring HTTP out of step with itself, and what it keeps of them is bounded."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    for session, start in ((Http1(), b""), (Http2(), preface), (Http2(), b"")):
        if start:  # nothing would mean that the client ended
            session.receive(start)
        for at in range(0, len(raw), 97):
            session.receive(raw[at : at + 97])
            while request := session.next_request():
                assert request.body is None or len(request.body) <= MAX_BODY
                session.respond(request, doh.make_response(raw[:600]))
        session.data_to_send()
        assert session.unsent() <= 600 * 40


class _Framing(FramedConversation):
    """The framing without a connection: notes what it would ask."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.closed = False
        self._pending = b""
        self.listener = cast("Any", SimpleNamespace(counters=StreamCounters()))

    @property
    def must_wait(self) -> bool:
        return self.closed

    def start(self, work: Any) -> None:
        self.asked.append(work.cr_frame.f_locals["raw"])
        work.close()

    def close(self) -> None:
        self.closed = True


def framing(raw: bytes) -> None:
    """Queries by TCP are the same in whatever pieces they come, and no more is kept than the longest query."""
    step = 1 + (raw[0] if raw else 0)
    whole, pieces = _Framing(), _Framing()
    whole.receive(raw)
    whole.proceed()
    for at in range(0, len(raw), step):
        if pieces.closed:
            break
        pieces.receive(raw[at : at + step])
        pieces.proceed()
        assert len(pieces._pending) <= MAX_QUERY + 2 or pieces.closed
    assert (whole.asked, whole.closed) == (pieces.asked, pieces.closed)
    assert all(wire.HEADER_SIZE <= len(asked) <= MAX_QUERY for asked in whole.asked)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (query, name, answer, trimmed, matched, services, ready, over_https, http, framing)
}
