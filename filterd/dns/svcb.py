# SPDX-License-Identifier: GPL-3.0-or-later
"""Service records (SVCB and HTTPS, RFC 9460): read, made, and rid of what would lead around the filter."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping

from filterd.dns import wire
from filterd.dns.wire import ProtocolError

# RFC 9460 §14.3.2 and RFC 9461 §5.
MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4HINT, ECH, IPV6HINT, DOHPATH = range(8)

Params = dict[int, bytes]
"""Values by key, in ascending order, as they must stand in the record."""

_param = struct.Struct("!HH")
_HINT_SIZE = {IPV4HINT: 4, IPV6HINT: 16}
_QUIC = (b"h3", b"hq", b"quic")  # HTTP/3, its drafts (h3-29) and what came before


def hints(rdata: bytes) -> Iterator[bytes]:
    """Yield the addresses that *rdata* hints at, packed; none where it is malformed, for then no client reads it."""
    try:
        _, params = read_service(rdata)
    except ProtocolError:
        return
    for key, size in _HINT_SIZE.items():
        if value := params.get(key):
            yield from _split(value, size)


def read_service(rdata: bytes) -> tuple[bytes, Params]:
    """Return priority and target of *rdata* as they lie, and the parameters.

    Raises:
        ProtocolError: it is malformed; RFC 9460 §2.2 lets clients disregard it whole.
    """
    try:
        at = wire.skip_name(rdata, 2)
        return rdata[:at], _read_params(rdata, at)
    except (IndexError, struct.error) as error:
        raise ProtocolError("a cut service record") from error


def write_service(head: bytes, params: Mapping[int, bytes]) -> bytes:
    """Return the record of *head* (priority and target) with *params*."""
    parts = [_param.pack(key, len(value)) + value for key, value in sorted(params.items())]
    return head + b"".join(parts)


def strip(rdata: bytes, *, inspected: bool, refuses: Callable[[bytes], object] | None = None) -> bytes | None:
    """Return *rdata* without the hinted addresses that *refuses* is true of and, where *inspected*, ECH and HTTP/3.

    The same object where nothing is to go; ``None`` where no use of the record would be left: it serves HTTP/3
    alone, or cannot be read and might hide anything.
    """
    try:
        head, params = read_service(rdata)
    except ProtocolError:
        return None if inspected else rdata
    kept = dict(params)
    if inspected:
        kept.pop(ECH, None)
        if not _drop_quic(kept):
            return None
    if refuses:
        for key, size in _HINT_SIZE.items():
            if key in kept:
                _put(kept, key, b"".join(a for a in _split(kept[key], size) if not refuses(a)))
    if kept == params:
        return rdata
    _drop_missing_from_mandatory(kept)
    return write_service(head, kept)


def encode_alpn(protocols: tuple[bytes, ...]) -> bytes:
    """Return the value of the parameter that offers *protocols*."""
    return b"".join(bytes([len(protocol)]) + protocol for protocol in protocols)


def _read_params(rdata: bytes, at: int) -> Params:
    params: Params = {}
    last = -1
    while at < len(rdata):
        key, length = _param.unpack_from(rdata, at)
        at += 4 + length
        if key <= last or at > len(rdata):
            raise ProtocolError("parameters of a service record that are cut or out of order")
        value = rdata[at - length : at]
        size = _HINT_SIZE.get(key)
        if size and (not value or len(value) % size):
            raise ProtocolError("an address hint of a wrong length")
        params[key] = value
        last = key
    return params


def _drop_quic(params: Params) -> bool:
    """Take HTTP/3 out of *params*; ``False`` where that leaves no protocol."""
    if ALPN not in params:
        return True
    protocols = _read_alpn(params[ALPN])
    left = tuple(protocol for protocol in protocols if not protocol.startswith(_QUIC))
    if not left and NO_DEFAULT_ALPN in params:
        return False  # RFC 9460 §7.1.1: without the default there is no other way to speak to it
    if len(left) < len(protocols):
        _put(params, ALPN, encode_alpn(left))  # without the parameter the default remains: HTTP/1.1 over TLS
    return True


def _read_alpn(value: bytes) -> list[bytes]:
    protocols, at = [], 0
    while at < len(value):
        end = at + 1 + value[at]
        protocols.append(value[at + 1 : end])  # a cut one is kept from clients by its length, as it was
        at = end
    return protocols


def _drop_missing_from_mandatory(params: Params) -> None:
    # RFC 9460 §8: a record that calls a parameter mandatory which it has not is malformed.
    if MANDATORY in params:
        keys = [key for key in _split(params[MANDATORY], 2) if int.from_bytes(key) in params]
        _put(params, MANDATORY, b"".join(keys))


def _put(params: Params, key: int, value: bytes) -> None:
    if value:
        params[key] = value
    else:
        del params[key]


def _split(value: bytes, size: int) -> list[bytes]:
    return [value[at : at + size] for at in range(0, len(value), size)]
