# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an answer whose time is over, while no upstream says anything newer (RFC 8767)."""

from __future__ import annotations

from filterd.dns import wire
from filterd.dns.answer import Answer
from filterd.dns.cache import is_word_of_the_world
from filterd.dns.wire import ExtendedError

STALE_TTL_S = 30  # RFC 8767 §4
READY_S = 2  # how long it may be given again without asking whether there is something newer
STALE_ANSWER, STALE_NXDOMAIN = 3, 19  # RFC 8914 §4.4, §4.20

# The upstream could have said and will not: the signatures are wrong (5-12), or it keeps names from us (4, 15-18).
_NO_OUTAGE = frozenset({4, *range(5, 13), *range(15, 19)})


def stale_answer(answer: Answer) -> Answer:
    """Return *answer* as one that is out of date: short-lived, said to be so, and no longer vouched for."""
    code = STALE_NXDOMAIN if answer.rcode == wire.NXDOMAIN else STALE_ANSWER
    # Its signatures may have ended with it: AD would claim what nobody checked.
    flags = answer.message[3] & ~wire.AD
    return answer._replace(
        message=answer.message[:3] + bytes([flags]) + answer.message[4:],
        ttls=tuple((at, min(ttl, STALE_TTL_S)) for at, ttl in answer.ttls),
        errors=answer.errors + wire.encode_error(ExtendedError(code)),
        keep_s=READY_S,
    )


def is_outage(answer: Answer) -> bool:
    """Return whether *answer* is an upstream's "I could not", which something older is better than."""
    return not is_word_of_the_world(answer) and not _NO_OUTAGE.intersection(error_codes(answer.errors))


def error_codes(options: bytes) -> set[int]:
    """Return the codes of the extended errors in *options*, as `Answer.errors` holds them."""
    found, at = set(), 0
    while at + 6 <= len(options):
        found.add(int.from_bytes(options[at + 4 : at + 6]))
        at += 4 + int.from_bytes(options[at + 2 : at + 4])
    return found
