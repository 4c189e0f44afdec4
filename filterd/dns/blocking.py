# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client is told when a name is refused."""

from __future__ import annotations

import enum
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address

from filterd.dns import wire
from filterd.dns.wire import ExtendedError, Query
from filterd.policy.model import Cause, Reason

BLOCK_TTL = 10  # seconds: a change of policy acts quickly, and a page full of refused names does not ask each twice

FORGED_ANSWER, NOT_READY, BLOCKED, CENSORED, FILTERED, PROHIBITED = 4, 14, 15, 16, 17, 18  # RFC 8914 §4
NO_REACHABLE_AUTHORITY, NETWORK_ERROR = 22, 23

# Lists of the answers' own protections (`Reason.list`).
REBINDING = "rebinding-protection"
UPSTREAM = "upstream"
SECOND_OPINION = "second-opinion:"  # and who objects

_OPERATORS_CHOICE = frozenset({"malware", "phishing", "anonymizers"})
_MAX_TEXT = 120  # characters: the answer stays within 512 bytes


class BlockKind(enum.StrEnum):
    """How "no" is said."""

    NULL = "null"  # 0.0.0.0 and ::
    NXDOMAIN = "nxdomain"
    REFUSED = "refused"


BlockedAnswer = BlockKind | IPv4Address | IPv6Address  # an address is the block page's


def parse_blocked_answer(text: str) -> BlockedAnswer:
    """Return the answer that the setting *text* names.

    Raises:
        ValueError: it names none.
    """
    try:
        return BlockKind(text)
    except ValueError:
        pass
    try:
        return ip_address(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no blocked answer: use null, nxdomain, refused or an IP address") from error


def block_reply(
    query: Query, reason: Reason, *, answer: BlockedAnswer, error: ExtendedError | None = None, ttl: int = BLOCK_TTL
) -> bytes:
    """Return the refusal of *query* for *reason*; *error* is said in place of what `explain` makes of it."""
    error = error or explain(reason)
    if reason.cause is Cause.FAILURE:
        # Nobody judged the name: said as a failure, so that nothing remembers it as blocked.
        return wire.reply(query, rcode=wire.SERVFAIL, error=error)
    no = wire.soa_record(ttl=ttl)
    if query.qtype in (wire.HTTPS, wire.SVCB):
        # Whatever A says: with NXDOMAIN or an address for these, browsers stop or wait (AdGuard Home #7607).
        return wire.reply(query, authority=[no], error=error)
    if reason.list in (REBINDING, UPSTREAM):
        # Nothing that can be dialled: 0.0.0.0 is loopback on Linux and macOS, where the attack wanted to get.
        return wire.reply(query, authority=[no], error=error)
    match answer:
        case BlockKind.NXDOMAIN:
            return wire.reply(query, rcode=wire.NXDOMAIN, authority=[no], error=error)
        case BlockKind.REFUSED:
            return wire.reply(query, rcode=wire.REFUSED, error=error)
        case BlockKind.NULL:
            address = _NULL.get(query.qtype)
        case _:
            address = answer if query.qtype == (wire.A if answer.version == 4 else wire.AAAA) else None
    if address is None:
        return wire.reply(query, authority=[no], error=error)
    return wire.reply(query, answers=[wire.address_record(address, ttl=ttl)], error=error)


def explain(reason: Reason, *, via: str | None = None, national_lists: Collection[str] = ()) -> ExtendedError:
    """Return *reason* as an extended error. Its code is never 0, with which some clients misbehave.

    *via* is the alias or address that is refused where it is not the name itself; *national_lists* are the lists that
    others than the owner require.
    """
    if reason.cause is Cause.SAFE_SEARCH:
        code = FORGED_ANSWER
    elif reason.cause is Cause.FAILURE:
        code = NOT_READY
    elif reason.list in national_lists:
        code = CENSORED
    elif reason.category in _OPERATORS_CHOICE or reason.list in (REBINDING, UPSTREAM):
        code = BLOCKED
    else:
        code = FILTERED
    text = reason.category or _OWN_WORDS.get(reason.list or "") or reason.cause.value
    if reason.rule:
        text += f": {reason.rule}"
    if reason.list:
        text += f" ({reason.list})"
    if via and via != reason.rule:
        text += f" via {via}"
    return ExtendedError(code, text[:_MAX_TEXT])


def refuse_client(query: Query) -> bytes:
    """Return the refusal of a client that is not served here."""
    return wire.reply(query, rcode=wire.REFUSED, error=ExtendedError(PROHIBITED, "not a client of this resolver"))


_OWN_WORDS = {REBINDING: "a public name that leads to a private address", UPSTREAM: "blocked by the upstream"}
_NULL: dict[int, IPv4Address | IPv6Address] = {wire.A: IPv4Address(0), wire.AAAA: IPv6Address(0)}
