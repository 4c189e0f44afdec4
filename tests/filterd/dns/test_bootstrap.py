# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream known by name is found without the machine's own resolver."""

from __future__ import annotations

import pytest

from filterd.dns.bootstrap import KEEP_S, Bootstrap
from filterd.dns.upstream_spec import UpstreamError, parse_upstream
from tests.filterd.dns.fakes import Zone, run

NAMED = parse_upstream("tls://dns.example")
RECORDS = "dns.example. 60 IN A 192.0.2.53\ndns.example. 60 IN AAAA 2001:db8::53"


def test_a_name_has_all_its_addresses_ipv4_first() -> None:
    assert run(Bootstrap(Zone(RECORDS).ask).find(NAMED)) == ("192.0.2.53", "2001:db8::53")


def test_a_known_address_is_not_asked_for() -> None:
    zone = Zone()

    assert run(Bootstrap(zone.ask).find(parse_upstream("tls://192.0.2.1"))) == ("192.0.2.1",)
    assert zone.asked == []


def test_addresses_are_asked_for_again_after_a_while() -> None:
    zone, now = Zone(RECORDS), 0.0
    bootstrap = Bootstrap(zone.ask, now=lambda: now)
    run(bootstrap.find(NAMED))
    run(bootstrap.find(NAMED))
    assert len(zone.asked) == 2

    now = KEEP_S
    run(bootstrap.find(NAMED))
    assert len(zone.asked) == 4


def test_when_nobody_says_anew_the_old_addresses_are_tried() -> None:
    zone, now, up = Zone(RECORDS), 0.0, True

    async def ask(question: bytes) -> bytes:
        if not up:
            raise UpstreamError("down")
        return zone.respond(question)

    bootstrap = Bootstrap(ask, now=lambda: now)
    found = run(bootstrap.find(NAMED))
    now, up = KEEP_S, False

    assert run(bootstrap.find(NAMED)) == found


def test_a_name_without_addresses_is_said() -> None:
    with pytest.raises(UpstreamError, match=r"dns\.example has no address"):
        run(Bootstrap(Zone().ask).find(NAMED))


def test_an_answer_that_cannot_be_read_is_said() -> None:
    async def babble(question: bytes) -> bytes:
        return question[:7] + b"\1" + question[8:]

    with pytest.raises(UpstreamError, match="cannot be read"):
        run(Bootstrap(babble).find(NAMED))
