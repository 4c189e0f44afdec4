# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client speaks inside a tunnel, told from its first bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mitmproxy.proxy.layers.tls import get_client_hello
from mitmproxy.tls import ClientHello

from filterd.proxy.fingerprint import Shape, read_shape

_MAX_HELLO = 64 * 1024  # with post-quantum keys a ClientHello takes two kilobytes
_MAX_REQUEST_LINE = 16 * 1024
_CLIENT_HELLO = 1  # RFC 8446 §4
_SERVER_NAME = 0  # RFC 6066 §3

_NO_SHAPE = Shape(mark="", browser=True, ech=False, alpn=())

_request_line = re.compile(rb"[A-Z][A-Z-]{0,31} [^ \r\n]+ HTTP/1\.[01]\r?\n").match
_request_line_begun = re.compile(rb"[A-Z][A-Z-]{0,31}( [^ \r\n]*( [HTP/1.0]{0,8}\r?)?)?").fullmatch


@dataclass(frozen=True, slots=True)
class Tls:
    """A ClientHello; *names* are the server names in it, as sent, *shape* tells the program."""

    names: tuple[str, ...]
    shape: Shape = field(default=_NO_SHAPE, compare=False)


@dataclass(frozen=True, slots=True)
class Http:
    """An HTTP/1 request."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Too little was sent to tell."""


Spoken = Tls | Http | Unknown | NotYet


def recognise(data: bytes) -> Spoken:
    """Return what *data*, all that a client has sent so far, is the beginning of."""
    if not data:
        return NotYet()
    if data[0] == 0x16:
        return _read_hello(data)
    if _request_line(data):
        return Http()
    return NotYet() if len(data) < _MAX_REQUEST_LINE and _request_line_begun(data) else Unknown()


def _read_hello(data: bytes) -> Spoken:
    if not b"\x16\x03\x03".startswith(data[:2]) or (len(data) > 2 and data[2] > 3):
        return Unknown()
    try:
        hello = get_client_hello(data)
        if hello is None:
            return NotYet() if len(data) < _MAX_HELLO else Unknown()
        if hello[0] != _CLIENT_HELLO:
            return Unknown()
        read = ClientHello(hello[4:])
        extensions = read.extensions
        shape = read_shape(read.cipher_suites, extensions, read.alpn_protocols)
        names = [name for kind, body in extensions if kind == _SERVER_NAME for name in _read_names(body)]
    except (ValueError, EOFError):
        return Unknown()
    return Tls(tuple(names), shape)


def _read_names(body: bytes) -> list[str]:
    """Return the host names of a server_name extension; all of them, for a server may take any."""
    names = []
    if int.from_bytes(body[:2]) != len(body) - 2:
        raise ValueError("server_name: wrong length")
    at = 2
    while at < len(body):
        end = at + 3 + int.from_bytes(body[at + 1 : at + 3])
        if body[at] != 0 or end > len(body) or end == at + 3:
            raise ValueError("server_name: no host name")
        names.append(body[at + 3 : end].decode("ascii"))
        at = end
    return names
