# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that refuse our certificate: when they are let through, and when never."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
import threading
from pathlib import Path

import pytest
from OpenSSL import SSL

from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Rewrite, Stage, Verdict
from filterd.proxy.authority import Authority
from filterd.proxy.fingerprint import Shape
from filterd.proxy.inspection import Inspection
from filterd.proxy.learned import KEEP_FOR, Learned, LearnedError, PassThrough, Program, program_of
from tests.filterd.proxy.support import Origin, RunningProxy, StartInspecting, receive_all

APP = Program("192.0.2.5", "api.bank.example", "mark")
PLAIN = Shape(mark="mark", browser=False, ech=False, alpn=())
NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
LISTED = Allow(Reason(Cause.CATEGORY_OPEN, rule="app.example", category="games"))


class Clock:
    """A clock that we turn."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Telling(Learned):
    """Says when the proxy has noted a refusal."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.noted = threading.Semaphore(0)

    def note_refusal(self, program: Program) -> bool:
        answer = super().note_refusal(program)
        self.noted.release()
        return answer


@pytest.fixture
def learned(clock: Clock) -> Telling:
    return Telling(clock=clock)


def refuse(learned: Learned, clock: Clock, *, times: int, apart: dt.timedelta) -> list[bool]:
    answers = []
    for _ in range(times):
        answers.append(learned.note_refusal(APP))
        clock.now += apart
    return answers


def test_three_refusals_in_separate_minutes_let_a_program_through(learned: Learned, clock: Clock) -> None:
    assert refuse(learned, clock, times=3, apart=MINUTE) == [False, False, True]
    assert learned.covers(APP)
    assert not learned.covers(APP._replace(host="other.example"))
    assert not learned.covers(APP._replace(mark="another"))
    assert not learned.covers(APP._replace(client="192.0.2.6"))


def test_many_refusals_in_one_minute_are_one(learned: Learned, clock: Clock) -> None:
    assert not any(refuse(learned, clock, times=50, apart=dt.timedelta(seconds=1)))


def test_refusals_that_lie_days_apart_are_no_habit(learned: Learned, clock: Clock) -> None:
    assert not any(refuse(learned, clock, times=5, apart=dt.timedelta(days=2)))


def test_a_program_that_takes_our_certificate_starts_afresh(learned: Learned, clock: Clock) -> None:
    refuse(learned, clock, times=2, apart=MINUTE)
    learned.note_success(APP)

    assert refuse(learned, clock, times=2, apart=MINUTE) == [False, False]


def test_it_is_for_some_hours_only(learned: Learned, clock: Clock) -> None:
    refuse(learned, clock, times=3, apart=MINUTE)
    clock.now += KEEP_FOR

    assert not learned.covers(APP)
    assert learned.entries() == []


def test_an_adult_sees_and_revokes_it(learned: Learned, clock: Clock) -> None:
    refuse(learned, clock, times=3, apart=MINUTE)
    seen = learned.entries()
    learned.revoke(APP)

    assert seen == [PassThrough(APP, NOW + 2 * MINUTE + KEEP_FOR)]
    assert not learned.covers(APP)
    assert refuse(learned, clock, times=3, apart=MINUTE)[-1]


def test_what_an_adult_forbids_is_not_learned_again(learned: Learned, clock: Clock) -> None:
    refuse(learned, clock, times=3, apart=MINUTE)
    learned.forbid(APP)

    assert not any(refuse(learned, clock, times=9, apart=MINUTE))
    assert not learned.covers(APP)
    assert learned.entries() == [PassThrough(APP, None)]
    learned.permit(APP)
    assert refuse(learned, clock, times=3, apart=MINUTE)[-1]


def test_it_is_kept_over_a_restart(clock: Clock) -> None:
    kept: list[bytes] = []
    learned = Learned(save=kept.append, clock=clock)
    refuse(learned, clock, times=3, apart=MINUTE)
    learned.forbid(APP._replace(host="forbidden.example"))
    again = Learned(saved=kept[-1], clock=clock)

    assert again.entries() == learned.entries()
    assert again.covers(APP)


@pytest.mark.parametrize("saved", [b"{", b"[]x", b"[[1]]"])
def test_what_is_kept_and_damaged_is_one_clear_line(saved: bytes) -> None:
    with pytest.raises(LearnedError, match="delete it"):
        Learned(saved=saved)


def test_a_program_too_old_for_us_did_not_refuse_our_certificate(
    start: RunningProxy, good_origin: Origin, learned: Telling
) -> None:
    ancient = SSL.Context(SSL.TLS_CLIENT_METHOD)
    ancient.set_cipher_list(b"AES128-SHA:@SECLEVEL=0")
    ancient.set_max_proto_version(SSL.TLS1_2_VERSION)
    tunnel, _ = start.open_tunnel(f"good.example:{good_origin.port}")
    with tunnel:
        tunnel.settimeout(None)
        secure = SSL.Connection(ancient, tunnel)
        secure.set_tlsext_host_name(b"good.example")
        secure.set_connect_state()
        with pytest.raises(SSL.Error):
            secure.do_handshake()
    start.stop()

    assert not learned._refusals


def test_memory_is_bounded(learned: Learned) -> None:
    for number in range(5000):
        learned.note_refusal(Program("192.0.2.5", f"h{number}.example", "mark"))
        learned.forbid(Program("192.0.2.5", f"h{number}.example", "mark"))

    assert len(learned._refusals) <= 512
    assert len(learned._known) <= 512


def decided(verdict: Verdict) -> Decision:
    client = Client(address="192.0.2.5", user="ana")
    return Decision(Request(Stage.HELLO, client, NOW, "app.example"), verdict, "child")


@pytest.mark.parametrize(
    "verdict",
    [
        Allow(),
        Allow(Reason(Cause.GUARD_PLATFORM)),
        Allow(Reason(Cause.PERMISSION)),
        Rewrite(Reason(Cause.SAFE_SEARCH), "safe.example"),
        Block(Reason(Cause.DENY_LIST)),
    ],
    ids=["on no list", "platform", "permission", "safe search", "blocked"],
)
def test_what_may_show_anything_is_never_learned(verdict: Verdict) -> None:
    assert program_of(decided(verdict), PLAIN) is None


@pytest.mark.parametrize("cause", [Cause.ALLOW_LIST, Cause.GUARD_SITE, Cause.SURVIVAL, Cause.CATEGORY_OPEN])
def test_what_stands_on_a_list_may_be_learned(cause: Cause) -> None:
    assert program_of(decided(Allow(Reason(cause))), PLAIN) == Program("ana", "app.example", "mark")


def test_a_browser_is_never_learned() -> None:
    assert program_of(decided(LISTED), Shape(mark="mark", browser=True, ech=False, alpn=())) is None


# Through the proxy


@pytest.fixture
def start(start_inspecting: StartInspecting, authority: Authority, upstream_ca: Path, learned: Learned) -> RunningProxy:
    inspection = Inspection(authority, upstream_ca=upstream_ca, learned=learned)
    return start_inspecting({"good.example": LISTED}, inspection=inspection)


def try_once(proxy: RunningProxy, port: int, host: str, trusting: ssl.SSLContext) -> bytes:
    tunnel, _ = proxy.open_tunnel(f"{host}:{port}")
    with tunnel:
        try:
            with trusting.wrap_socket(tunnel, server_hostname=host) as secure:
                secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                return receive_all(secure)
        except ssl.SSLCertVerificationError:
            return b"refused"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_pinned_program_gets_through_in_the_end(
    version: ssl.TLSVersion,
    start: RunningProxy,
    good_origin: Origin,
    upstream_ca: Path,
    clock: Clock,
    learned: Telling,
) -> None:
    """It trusts its maker's authority and no other."""
    pinned = ssl.create_default_context(cafile=str(upstream_ca))
    pinned.maximum_version = version
    answers = []
    for _ in range(3):
        answers.append(try_once(start, good_origin.port, "good.example", pinned))
        try_once(start, good_origin.port, "shop.example", pinned)  # on no list
        assert learned.noted.acquire(timeout=10)
        clock.now += MINUTE
    answers.append(try_once(start, good_origin.port, "good.example", pinned))

    assert answers[:3] == [b"refused"] * 3
    assert answers[3].endswith(b"hello from the origin")
    assert try_once(start, good_origin.port, "shop.example", pinned) == b"refused"


def test_a_program_that_leaves_without_a_word_refused_too(
    start: RunningProxy, good_origin: Origin, family: ssl.SSLContext, learned: Telling, clock: Clock
) -> None:
    """Some look at the certificate only after the greeting."""
    for _ in range(3):
        tunnel, _ = start.open_tunnel(f"good.example:{good_origin.port}")
        with contextlib.suppress(ssl.SSLError), family.wrap_socket(tunnel, server_hostname="good.example") as secure:
            secure.unwrap()
        assert learned.noted.acquire(timeout=10)
        clock.now += MINUTE

    assert [entry.program.host for entry in learned.entries()] == ["good.example"]


def test_a_program_that_asks_for_pages_is_not_learned(
    start: RunningProxy, good_origin: Origin, family: ssl.SSLContext, learned: Learned, clock: Clock
) -> None:
    for _ in range(5):
        try_once(start, good_origin.port, "good.example", family)
        clock.now += MINUTE
    start.stop()

    assert learned.entries() == []
