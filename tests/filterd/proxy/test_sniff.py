# SPDX-License-Identifier: GPL-3.0-or-later
"""What is inside a tunnel is told from its first bytes, however they are cut."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.proxy.sniff import Http, NotYet, Tls, Unknown, recognise


def hello_for(name: str | None) -> bytes:
    """Return the ClientHello that this Python's TLS library sends for *name*."""
    context = ssl.create_default_context()
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


HELLO = hello_for("casino.example")


def hello_with(server_name: bytes) -> bytes:
    """Return a small ClientHello with the raw server_name extension *server_name*."""
    extension = b"\0\0" + len(server_name).to_bytes(2) + server_name
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + len(extension).to_bytes(2) + extension
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


def names(*hosts: bytes) -> bytes:
    listed = b"".join(b"\0" + len(host).to_bytes(2) + host for host in hosts)
    return len(listed).to_bytes(2) + listed


def test_a_greeting_says_which_server_it_wants() -> None:
    assert recognise(HELLO) == Tls(("casino.example",))
    assert recognise(HELLO + b"\x14\x03\x03") == Tls(("casino.example",))


def test_a_greeting_may_name_no_server() -> None:
    assert recognise(hello_for(None)) == Tls(())


def test_all_names_of_a_greeting_count() -> None:
    assert recognise(hello_with(names(b"good.example", b"casino.example"))) == Tls(("good.example", "casino.example"))


def test_a_name_is_given_as_sent() -> None:
    assert recognise(hello_with(names(b"Casino.Example."))) == Tls(("Casino.Example.",))


@pytest.mark.parametrize(
    "server_name",
    [
        b"",
        b"\0\1",
        b"\0\x09\0\0\x03abc",
        names(b"")[:-1],
        names("ñ.example".encode()),
        b"\0\4\1\0\1a",
        b"\0\5\0\0\xffab",
    ],
    ids=["empty", "cut", "wrong length", "no name", "not ASCII", "other kind of name", "name too long"],
)
def test_a_greeting_that_hides_its_name_is_unknown(server_name: bytes) -> None:
    assert recognise(hello_with(server_name)) == Unknown()


@given(st.integers(min_value=0, max_value=len(HELLO) - 1))
def test_a_greeting_that_is_cut_is_waited_for(at: int) -> None:
    assert recognise(HELLO[:at]) == NotYet()


def test_a_greeting_in_many_records_is_put_together() -> None:
    message = HELLO[5:]
    pieces = [message[at : at + 40] for at in range(0, len(message), 40)]
    records = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)

    assert recognise(records) == Tls(("casino.example",))


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x02\x00",
        b"\x16\x03\x09\x00\x10",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    ],
    ids=["SSL 2", "no such version", "empty record", "a ServerHello", "an empty ClientHello"],
)
def test_what_only_looks_like_tls_is_unknown(data: bytes) -> None:
    assert recognise(data) == Unknown()


def test_a_handshake_that_a_client_does_not_begin_is_unknown() -> None:
    message = bytearray(hello_with(names(b"casino.example")))
    message[5] = 2  # ServerHello, with all that a ClientHello has

    assert recognise(bytes(message)) == Unknown()


def test_a_greeting_without_end_is_unknown() -> None:
    record = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + bytes(16380)

    assert recognise(record) == NotYet()
    assert recognise(record + (b"\x16\x03\x01\x40\x00" + bytes(16384)) * 4) == Unknown()


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /x?y=1 HTTP/1.0\r\n",
        b"M-SEARCH * HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\n",
        b"GET http://a/ HTTP/1.1\r\n",
    ],
)
def test_a_request_line_is_http(line: bytes) -> None:
    assert recognise(line) == Http()
    assert recognise(line + b"Host: a\r\n\r\nbody") == Http()


@pytest.mark.parametrize("line", [b"GET /index.html HTTP/1.1\r\n", b"M-SEARCH * HTTP/1.0\r\n"])
def test_a_request_line_that_is_cut_is_waited_for(line: bytes) -> None:
    assert {type(recognise(line[:at])) for at in range(len(line))} == {NotYet}


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO mail.example\r\n",
        b"\x05\x01\x00",
        b"\x13BitTorrent protocol",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"get / HTTP/1.1\r\n",
        b"GET /\r\n",
        b" GET / HTTP/1.1\r\n",
        b"CONNECTED\x00",
        b"GET " + b"a" * 20000,
    ],
)
def test_everything_else_is_unknown(data: bytes) -> None:
    assert recognise(data) == Unknown()


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fall_over(data: bytes) -> None:
    assert isinstance(recognise(data), Tls | Http | Unknown | NotYet)


@given(st.data())
def test_no_damaged_greeting_makes_it_fall_over(data: st.DataObject) -> None:
    damaged = bytearray(HELLO)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(HELLO) - 1))] = data.draw(st.integers(0, 255))

    assert isinstance(recognise(bytes(damaged)), Tls | Http | Unknown | NotYet)
