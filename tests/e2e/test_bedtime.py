# SPDX-License-Identifier: GPL-3.0-or-later
"""At bedtime, and when a pause or a permission ends, no ready answer and no TTL outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import dns.query
import pytest

from filterd.control.client import Daemon as Control
from filterd.control.messages import Permit, SetProtection
from filterd.roles import dns as role
from filterd.sockets import Bound, Handed
from tests.e2e.support import Daemon, Upstream, wait_until

pytestmark = pytest.mark.xdist_group("daemon")

BLOCKED, HARMLESS = "gambling.prueba.home.arpa", "www.example.org"
CLOSED = "0.0.0.0"
BEFORE_S, AFTER_S = 4.6, 1.5
PAUSE_S = 6.0
PASSWORD = "una clave larga y buena"

CONFIG = """
[dns]
listen = ["127.0.0.1:1"]
upstreams = ["udp://127.0.0.1:{upstream}"]
[proxy]
listen = ""
[policy]
time_zone = "UTC"
[paths]
state = "{folder}/state"
runtime = "{folder}/r"
[profiles.child]
schedule = [{{ days = "all", from = "21:00", to = "22:00" }}]
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Answers for an hour: far over each of the ends here."""
    running = Upstream()
    yield running
    running.stop()


def ask(port: int, name: str) -> tuple[str, int]:
    """Return the address of *name*, and for how long it may be kept."""
    answer = dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", port=port, timeout=5)
    (rrset,) = answer.answer
    return rrset[0].address, rrset.ttl


def watch(port: int, name: str, clock: Callable[[], float], *, until: float) -> list[tuple[float, float, str, int]]:
    """Return what *name* is answered until *until*, with the times before and after."""
    seen = []
    while (before := clock()) < until:
        address, ttl = ask(port, name)
        seen.append((before, clock(), address, ttl))
        time.sleep(0.01)
    return seen


@contextlib.contextmanager
def serving(config: Path) -> Iterator[int]:
    """Run the DNS role in this process; yields its port."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    port: int = udp.getsockname()[1]
    loop, started, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def live() -> None:
        made = role.make(config, [Bound(Handed("dns", "udp", udp.fileno(), f"127.0.0.1:{port}"), udp)])
        async with asyncio.TaskGroup() as tasks:
            await made.start(tasks)
            started.set()
            await stop.wait()
            await made.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thresholds = gc.get_threshold()
    thread.start()
    try:
        assert started.wait(30)
        yield port
    finally:
        gc.unfreeze()  # what the role does to its process must not stay in this one
        gc.set_threshold(*thresholds)
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@pytest.mark.parametrize(("hour", "before", "after"), [(21, "192.0.2.1", CLOSED), (22, CLOSED, "192.0.2.1")])
def test_no_answer_and_no_ttl_outlives_a_boundary_of_the_schedule(
    hour: int, before: str, after: str, tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role itself, with a clock that is ahead: schedules are in whole minutes, which nobody waits for here."""
    config = tmp_path / "filterd.toml"
    config.write_text(CONFIG.format(upstream=upstream.port, folder=tmp_path))
    boundary = dt.datetime(2026, 6, 1, hour, tzinfo=dt.UTC)
    ahead = boundary.timestamp() - BEFORE_S - time.time()

    def clock() -> float:
        return time.time() + ahead

    monkeypatch.setattr(role, "_now", lambda: dt.datetime.fromtimestamp(clock(), dt.UTC))
    with serving(config) as port:
        seen = watch(port, HARMLESS, clock, until=boundary.timestamp() + AFTER_S)

    end = boundary.timestamp()
    early = [(start, address, ttl) for start, stop, address, ttl in seen if stop < end]
    late = [address for start, stop, address, ttl in seen if start >= end]
    assert len(early) > 20
    assert len(late) > 20
    assert {address for _, address, _ in early} == {before}
    assert [ttl for start, _, ttl in early if start + ttl > end] == []
    assert set(late) == {after}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("b"), '[proxy]\nlisten = ""\n', upstream=upstream.port) as running:
        yield running


@pytest.fixture(scope="module")
def adult(daemon: Daemon) -> Control:
    control = Control(daemon.runtime)
    control.set_first_password(PASSWORD)
    control.open_session(password=PASSWORD)
    return control


def pause(control: Control) -> None:
    control.protect(SetProtection(state="paused", minutes=PAUSE_S / 60))


def permit(control: Control) -> None:
    control.permit(Permit(host=BLOCKED, minutes=PAUSE_S / 60))


@pytest.mark.parametrize("open_it", [pause, permit])
def test_what_was_opened_for_a_while_closes_on_time(
    daemon: Daemon, adult: Control, open_it: Callable[[Control], None]
) -> None:
    assert ask(daemon.dns, BLOCKED)[0] == CLOSED
    open_it(adult)
    end = time.time() + PAUSE_S
    wait_until(lambda: ask(daemon.dns, BLOCKED)[0] != CLOSED, within_s=2.0, what="it is open")
    seen = watch(daemon.dns, BLOCKED, time.time, until=end + AFTER_S)

    opened = [(start, ttl) for start, _, address, ttl in seen if address != CLOSED]
    assert len(opened) > 20
    assert [(start, ttl) for start, ttl in opened if start + ttl > end] == []
    assert {address for start, _, address, _ in seen if start >= end} == {CLOSED}
