# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP without a network: whole requests come out, and nothing that a client sends breaks or fills it."""

from __future__ import annotations

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns.conversation import MAX_UNDER_WAY
from filterd.dns.http_session import MAX_BODY, Http1, Http2, Request, Response, Session

POST = b"POST /dns-query?x HTTP/1.1\r\nHost: dns.example\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nbody"
BIG = b"POST / HTTP/1.1\r\nHost: dns.example\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1) + bytes(MAX_BODY + 1)


def drain(session: Session) -> list[Request]:
    """Return the requests that are whole, each answered."""
    found = []
    while request := session.next_request():
        found.append(request)
        session.respond(request, Response(200, b"yes", (("x-a", "b"),)))
    return found


@given(st.lists(st.integers(1, len(POST) * 3 - 1), max_size=5))
def test_requests_in_any_pieces_are_whole(cuts: list[int]) -> None:
    session, stream = Http1(), POST * 3
    found = []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
        if start < end:  # h11 takes empty bytes for the client's end
            session.receive(stream[start:end])
            found += drain(session)

    assert found == [Request(0, "POST", "dns.example", "/dns-query?x", "a/b", b"body")] * 3
    assert session.data_to_send().count(b"HTTP/1.1 200 ") == 3
    assert not session.ended


def test_a_body_that_is_too_long_is_dropped_and_the_connection_goes_on() -> None:
    session = Http1()
    session.receive(BIG + POST)

    assert [request.body for request in drain(session)] == [None, b"body"]


def test_who_asks_whether_to_go_on_may() -> None:
    session = Http1()
    session.receive(POST.replace(b"\r\n\r\nbody", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert drain(session) == []
    assert session.data_to_send().startswith(b"HTTP/1.1 100 ")
    session.receive(b"body")

    assert len(drain(session)) == 1


def test_the_last_request_is_the_last() -> None:
    session = Http1()
    session.receive(POST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    assert len(drain(session)) == 1
    assert session.ended


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"\x16\x03\x01\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\n\r\n", b"400"), (b"GET /" + b"a" * 20_000, b"431")],
    ids=["no HTTP", "no host", "a head without end"],
)
def test_what_is_no_request_is_told_so(sent: bytes, status: bytes) -> None:
    session = Http1()
    session.receive(sent)

    assert drain(session) == []
    assert session.data_to_send().startswith(b"HTTP/1.1 " + status)
    assert session.ended


HEADERS = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "dns.example"),
    (":path", "/q"),
    ("content-type", "a/b"),
]


class Peer:
    """An HTTP/2 client without a network."""

    def __init__(self) -> None:
        self.session = Http2()
        self.http = H2Connection(H2Configuration())
        self.http.initiate_connection()
        self.bodies: dict[int, bytes] = {}
        self.status: dict[int, str] = {}
        self.ended: set[int] = set()
        self.gone = False
        self.exchange()

    def ask(self, body: bytes = b"body", *, end: bool = True) -> int:
        stream = self.http.get_next_available_stream_id()
        self.http.send_headers(stream, HEADERS)
        self.http.send_data(stream, body, end_stream=end)
        return stream

    def exchange(self) -> None:
        for _ in range(50):
            if sent := self.http.data_to_send():
                self.session.receive(sent)
            if not (received := self.session.data_to_send()):
                return
            for event in self.http.receive_data(received):
                self._note(event)

    def _note(self, event: object) -> None:
        match event:
            case ResponseReceived(stream_id=stream, headers=headers):
                self.status[stream] = dict(headers)[b":status"].decode()
            case DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                self.bodies[stream] = self.bodies.get(stream, b"") + data
                self.http.acknowledge_received_data(length, stream)
            case StreamEnded(stream_id=stream):
                self.ended.add(stream)
            case ConnectionTerminated():
                self.gone = True


def test_requests_side_by_side_have_their_answers() -> None:
    peer = Peer()
    streams = [peer.ask(b"body%d" % n) for n in range(3)]
    peer.exchange()
    asked = list(iter(peer.session.next_request, None))
    for request in reversed(asked):
        peer.session.respond(request, Response(200, request.body or b""))
    peer.exchange()

    assert asked[0] == Request(streams[0], "POST", "dns.example", "/q", "a/b", b"body0")
    assert [peer.bodies[stream] for stream in streams] == [b"body0", b"body1", b"body2"]
    assert peer.ended == set(streams)


def test_a_long_answer_comes_as_the_client_has_room() -> None:
    peer = Peer()
    streams = [peer.ask() for _ in range(4)]
    peer.exchange()
    for request in iter(peer.session.next_request, None):
        peer.session.respond(request, Response(200, bytes(60_000)))
    assert peer.session.unsent() > 100_000
    peer.exchange()

    assert [len(peer.bodies[stream]) for stream in streams] == [60_000] * 4
    assert peer.session.unsent() == 0


def test_a_status_without_a_body_ends_the_stream() -> None:
    peer = Peer()
    stream = peer.ask()
    peer.exchange()
    request = peer.session.next_request()
    assert request is not None
    peer.session.respond(request, Response(404))
    peer.exchange()

    assert (peer.status, peer.ended) == ({stream: "404"}, {stream})


def test_a_long_body_on_a_stream_is_dropped() -> None:
    peer = Peer()
    peer.ask(bytes(MAX_BODY + 1))
    peer.exchange()

    assert [request.body for request in iter(peer.session.next_request, None)] == [None]


def test_who_takes_a_question_back_gets_nothing() -> None:
    peer = Peer()
    stream = peer.ask()
    peer.exchange()
    request = peer.session.next_request()
    assert request is not None
    peer.http.reset_stream(stream)
    half = peer.ask(end=False)
    peer.http.reset_stream(half)
    peer.exchange()
    peer.session.respond(request, Response(200, b"late"))
    peer.exchange()

    assert peer.bodies == {}
    assert not peer.session.ended
    assert peer.session.unsent() == 0


def test_more_streams_than_allowed_end_the_connection() -> None:
    peer = Peer()
    peer.http.remote_settings = type(peer.http.remote_settings)(client=False)  # it does not care what we allow
    for _ in range(MAX_UNDER_WAY + 1):
        peer.ask(end=False)
    peer.exchange()

    assert peer.session.ended
    assert peer.gone


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_break_it(noise: bytes, after_preface: bool) -> None:
    for session in (Http1(), Http2()):
        if isinstance(session, Http2) and after_preface:
            session.receive(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        session.receive(noise)
        drain(session)
        session.data_to_send()
