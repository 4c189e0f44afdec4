# SPDX-License-Identifier: GPL-3.0-or-later
"""Padding (RFC 7830): an encrypted answer's length must not tell which name was asked."""

from __future__ import annotations

import struct

from filterd.dns import wire

BLOCK = 468  # RFC 8467 §4.1
_OPTION = 12
_option_header = struct.Struct("!HH")
_length = struct.Struct("!H")
# The OPT record that ends our replies: root, type, the size that we offer.
_OPT = wire.opt_record(do=False)[:5]
_OPT_SIZE = len(wire.opt_record(do=False))


def pad(reply: bytes) -> bytes:
    """Return *reply*, one of ours, padded to whole blocks; as it is where the client does not speak EDNS."""
    at = reply.rfind(_OPT)
    if at < wire.HEADER_SIZE:
        return reply
    length_at = at + _OPT_SIZE - 2
    end = length_at + 2
    if len(reply) < end:
        return reply
    (options,) = _length.unpack_from(reply, length_at)
    if end + options != len(reply):
        return reply
    size = -(len(reply) + _option_header.size) % BLOCK
    total = options + _option_header.size + size
    if len(reply) + _option_header.size + size > wire.MAX_MESSAGE:
        return reply
    return b"".join(
        (reply[:length_at], _length.pack(total), reply[end:], _option_header.pack(_OPTION, size), bytes(size))
    )
