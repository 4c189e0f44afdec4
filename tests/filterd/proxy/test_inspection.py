# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decrypted and what is left alone; how both sides meet is shown by test_tls_hooks."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Rewrite, Stage, Verdict
from filterd.proxy.authority import Authority
from filterd.proxy.fingerprint import Shape
from filterd.proxy.inspection import Inspection, speaks_web
from filterd.proxy.learned import Learned, Program
from filterd.proxy.never_decrypt import NeverDecrypt
from filterd.proxy.roots import RootsError
from tests.filterd.proxy.support import Table, rulebook

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
PLAIN = Shape(mark="mark", browser=False, ech=False, alpn=())


@pytest.fixture
def careful(authority: Authority, upstream_ca: Path) -> Inspection:
    return Inspection(authority, upstream_ca=upstream_ca, never_decrypt=NeverDecrypt(frozenset({"bank.example"})))


def decided(verdict: Verdict, host: str = "shop.example") -> Decision:
    return Decision(Request(Stage.HELLO, Client(address="192.0.2.5"), NOW, host), verdict, "child")


@pytest.mark.parametrize("cause", [Cause.PROTECTION_OFF, Cause.SURVIVAL, Cause.GUARD_SITE])
def test_a_site_whose_pages_are_not_looked_at_is_left_alone(careful: Inspection, cause: Cause) -> None:
    assert careful.leaves_alone(decided(Allow(Reason(cause))), PLAIN)


@pytest.mark.parametrize("cause", [Cause.GUARD_PLATFORM, Cause.ALLOW_LIST, Cause.CATEGORY_OPEN, Cause.PERMISSION])
def test_every_other_is_decrypted(careful: Inspection, cause: Cause) -> None:
    assert not careful.leaves_alone(decided(Allow(Reason(cause))), PLAIN)
    assert not careful.leaves_alone(decided(Allow()), PLAIN)


def test_t21_a_bank_is_left_alone(careful: Inspection) -> None:
    assert careful.leaves_alone(decided(Allow(), "www.bank.example"), PLAIN)


@pytest.mark.parametrize(
    "verdict", [Rewrite(Reason(Cause.SAFE_SEARCH), "safe.example"), Block(Reason(Cause.DENY_LIST))]
)
def test_what_is_changed_or_blocked_is_never_left_alone(careful: Inspection, verdict: Verdict) -> None:
    assert not careful.leaves_alone(decided(verdict, "bank.example"), PLAIN)


def test_an_address_is_never_left_alone(careful: Inspection) -> None:
    assert not careful.leaves_alone(decided(Allow(Reason(Cause.GUARD_SITE)), "192.0.2.1"), PLAIN)


def test_a_learned_program_is_left_alone(authority: Authority, upstream_ca: Path) -> None:
    learned = Learned(clock=lambda: NOW, saved=b'[["192.0.2.5","shop.example","mark","2026-05-01T01:00:00Z"]]')
    inspection = Inspection(authority, upstream_ca=upstream_ca, learned=learned)
    listed = Allow(Reason(Cause.CATEGORY_OPEN))

    assert learned.covers(Program("192.0.2.5", "shop.example", "mark"))
    assert inspection.leaves_alone(decided(listed), PLAIN)
    assert not inspection.leaves_alone(decided(Allow()), PLAIN)


def test_a_wrong_upstream_ca_stops_it_from_being_made(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(RootsError, match="upstream_ca"):
        Inspection(authority, upstream_ca=tmp_path / "missing.pem")


def test_t33_nothing_is_decrypted_unless_it_is_turned_on() -> None:
    assert rulebook(Table({}), {}).inspection_for("child") is None


@pytest.mark.parametrize(
    ("alpn", "expected"),
    [((), True), ((b"h2",), True), ((b"h3", b"http/1.1"), True), ((b"dot",), False), ((b"mqtt",), False)],
)
def test_only_the_web_is_decrypted(alpn: tuple[bytes, ...], expected: bool) -> None:
    assert speaks_web(Shape(mark="", browser=False, ech=False, alpn=alpn)) is expected
