# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon under steady questions while everything around it goes wrong.

As a program (`make soak`): ten minutes at 20 000 queries a second, two upstreams that take turns to fail, reloads,
changes of the configuration, killed workers. No honest query may be lost but in the moments in which a worker was
dead, no answer may be wrong, memory and descriptors must stay, and the counters agree with what was asked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from filterd.control.client import DaemonUnreachable, fetch_status
from filterd.control.messages import Status
from tests.e2e.support import Daemon, children, wait_until
from tests.soak.asker import BLOCKED_ADDRESS, Asker, Findings, Kind, Lost, Name
from tests.soak.world import BEHAVIOURS, World, world

IN_FORCE_S = 4.0  # 2 s are promised (D4.b); a machine that is soaked, and not alone, gets twice that
UPSTREAM_WAIT_S = 2.5  # how long before a kill a query may have begun to wait for an upstream, in vain
# What waited for a worker fills its buffer, and it begins with an empty cache: on two cores that this client, the
# upstreams and others share it is some seconds before all that comes is taken again.
RECOVER_S = 4.0
TROUBLE_S = 6.0
ILL = BEHAVIOURS[1:-1]
SAMPLE_S = 1.0
SETTLED_S = 4.0
POPULAR, FIXED, SWITCHED = 3000, 300, 20
FLAT_DESCRIPTORS = 24  # ports to the upstreams come and go
_LETTERS = "bdhjlnrt"
FLAT_MB, FLAT_SHARE = 12.0, 0.15

CONFIG = """
strategy = "{strategy}"
workers = 2
[proxy]
listen = ""
[activity]
record = "none"
[profiles.child]
deny = [{deny}]
"""


@dataclass
class Switch:
    """Whether the switched names are refused, since when."""

    times: list[float] = field(default_factory=lambda: [0.0])
    states: list[bool] = field(default_factory=lambda: [False])

    def turn(self) -> bool:
        """Note that the other state is being put in force; return it."""
        self.times.append(time.monotonic())
        self.states.append(not self.states[-1])
        return self.states[-1]

    def expects(self, name: Name, sent: float, now: float) -> frozenset[bytes]:
        """Return what a query may be told."""
        first = bisect_right(self.times, sent - IN_FORCE_S) - 1
        last = bisect_right(self.times, now)
        return frozenset(BLOCKED_ADDRESS if s else name.address for s in self.states[max(first, 0) : last])


def kinds(switch: Switch, *, popular_names: int) -> list[Kind]:
    """Return what is asked, in which shares."""
    popular, fixed, switched = (
        [Name.of(f"{n}{rest}") for n in range(count)]
        for count, rest in (
            (popular_names, ".popular.example"),
            (FIXED, ".refused.example"),
            (SWITCHED, ".switched.example"),
        )
    )
    numbers = iter(range(1 << 60))
    return [
        Kind("popular", 0.55, lambda r: r.choice(popular), lambda name, _sent, _now: frozenset({name.address})),
        Kind("blocked", 0.30, lambda r: r.choice(fixed), lambda _name, _sent, _now: frozenset({BLOCKED_ADDRESS})),
        Kind("switched", 0.10, lambda r: r.choice(switched), switch.expects),
        Kind(
            "new", 0.05, lambda _r: Name.of(f"{spell(next(numbers))}.new.example"),
            lambda name, _sent, _now: frozenset({name.address}),
        ),
    ]  # fmt: skip


def spell(number: int) -> str:
    """Return *number* in letters of which no word can be made: hosts that no list knows are judged by their letters."""
    digits: list[str] = []
    while number or not digits:
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return "".join(digits)


class Soaked(Daemon):
    """A daemon with two workers and both upstreams."""

    def __init__(self, folder: Path, ports: list[int], *, strategy: str) -> None:
        self._ports = ports
        self._strategy = strategy
        super().__init__(folder, upstream=ports[0])

    def write(self, config: str) -> None:
        """Write the configuration; *config* are names to refuse beside the fixed ones."""
        deny = ", ".join(f'"{name}"' for name in ["refused.example", *config.split()])
        upstreams = ", ".join(f'"udp://127.0.0.1:{port}"' for port in self._ports)
        head, paths, rest = CONFIG.format(strategy=self._strategy, deny=deny).partition("[proxy]")
        fresh = self.folder / "filterd.toml.new"
        fresh.write_text(
            f'[dns]\nlisten = ["127.0.0.1:0"]\nupstreams = [{upstreams}]\n{head}'
            f'[paths]\nstate = "{self.state}"\nruntime = "{self.runtime}"\n[updates]\nautomatic = false\n{paths}{rest}'
        )
        fresh.replace(self.config)

    def __enter__(self) -> Soaked:
        super().__enter__()
        return self

    def state_of_roles(self) -> Status:
        """Return its status without a process of its own for the question."""
        return fetch_status(self.runtime)


@dataclass
class Sample:
    """What the daemon takes at a time."""

    at: float
    memory_mb: float
    descriptors: int


@dataclass
class Outcome:
    """All that is judged."""

    findings: Findings
    kills: list[tuple[float, float]] = field(default_factory=list)
    reloads: int = 0
    samples: list[Sample] = field(default_factory=list)
    counted: str = ""  # how the counters differ from what was asked; empty: not at all

    def unexcused(self) -> list[Lost]:
        """Return the queries that were lost while all workers lived."""
        return [lost for lost in self.findings.lost if not any(self._excuses(kill, lost) for kill in self.kills)]

    def _excuses(self, kill: tuple[float, float], lost: Lost) -> bool:
        dead, alive = kill
        before = UPSTREAM_WAIT_S if lost.kind != "blocked" else 0.05
        return lost.rcode is None and dead - before <= lost.sent <= alive

    def since_kill(self, lost: Lost) -> int:
        """Return how many seconds before *lost* was sent a worker was killed; -1: none was."""
        return int(min((lost.sent - dead for dead, _ in self.kills if dead <= lost.sent), default=-1))

    def growth_mb(self) -> float:
        """Return by how much memory grew from the second to the last quarter."""
        quarter = len(self.samples) // 4
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return statistics.median(s.memory_mb for s in late) - statistics.median(s.memory_mb for s in early)

    def growth_of_descriptors(self) -> int:
        """Likewise of descriptors."""
        quarter = len(self.samples) // 4
        return min(s.descriptors for s in self.samples[-quarter:]) - max(s.descriptors for s in self.samples[:quarter])

    def memory_mb(self) -> float:
        """Return the most that it took."""
        return max(s.memory_mb for s in self.samples)

    def problems(self) -> list[str]:
        """Return what is not as it must be."""
        found = [f"wrong: {text}" for text in self.findings.wrong[:5]]
        found += [f"lost: {lost}" for lost in self.unexcused()[:5]]
        if self.growth_mb() > max(FLAT_MB, FLAT_SHARE * self.memory_mb()):
            found.append(f"memory grew by {self.growth_mb():.0f} MB")
        if self.growth_of_descriptors() > FLAT_DESCRIPTORS:
            found.append(f"{self.growth_of_descriptors()} more descriptors than at the start")
        return found + ([self.counted] if self.counted else [])


def tree(pid: int) -> Iterator[int]:
    """Yield *pid* and all that descend from it."""
    yield pid
    with contextlib.suppress(FileNotFoundError):
        for child in children(pid):
            yield from tree(child)


def sample(pid: int) -> Sample:
    """Return what the processes from *pid* on take."""
    memory = descriptors = 0
    for process in list(tree(pid)):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
            memory += int(found[1]) if found else 0
            descriptors += len(list(Path(f"/proc/{process}/fd").iterdir()))
    return Sample(time.monotonic(), memory / 1024, descriptors)


class Trouble(threading.Thread):
    """Makes everything go wrong, one thing after the other, until told to stop."""

    def __init__(self, daemon: Soaked, around: World, switch: Switch, outcome: Outcome, *, every_s: float) -> None:
        super().__init__()
        self._daemon = daemon
        self._world = around
        self._switch = switch
        self._outcome = outcome
        self._every_s = every_s
        self._ended = threading.Event()
        self._chance = random.Random(5653)
        self.error: BaseException | None = None

    def run(self) -> None:
        """Go on."""
        try:
            for turn in range(1 << 30):
                if self._wait(self._every_s / 2):
                    break
                self._cause(turn)
                if self._wait(self._every_s / 2):
                    break
                self._world.behave(turn % 2, "well")
        except BaseException as error:  # noqa: BLE001 - told where this is joined
            self.error = error

    def end(self) -> None:
        """Stop, mend everything, and raise what went wrong here."""
        self._ended.set()
        self.join()
        for which in (0, 1):
            self._world.behave(which, "well")
        if self.error:
            raise self.error

    def _wait(self, seconds: float) -> bool:
        """Wait for the next change, looking at the daemon meanwhile; return whether it is the end."""
        assert self._daemon.process
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._outcome.samples.append(sample(self._daemon.process.pid))
            if self._ended.wait(min(left, SAMPLE_S)):
                return True
        return False

    def _cause(self, turn: int) -> None:
        # One of the two always answers, and no question meets both of them ill, one after the other.
        self._world.behave(turn % 2, ILL[turn % len(ILL)])
        match turn % 3:
            case 0:
                self._daemon.hang_up()
                self._outcome.reloads += 1
            case 1:
                names = "switched.example" if self._switch.turn() else ""
                self._daemon.write(names)
                self._outcome.reloads += 1
            case 2:
                self._kill_worker()

    def _kill_worker(self) -> None:
        role = self._chance.choice(["dns", "dns-2"])
        pid = self._pid(role)
        dead = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self._pid(role) not in (0, pid), within_s=30, what=f"{role} serves again")
        self._outcome.kills.append((dead, time.monotonic() + RECOVER_S))

    def _pid(self, role: str) -> int:
        """Return the process of *role*, 0 while it does not serve."""
        with contextlib.suppress(DaemonUnreachable):
            for found in self._daemon.state_of_roles().roles:
                if found.name == role and found.state == "ready":
                    return found.pid
        return 0


def compare_counters(daemon: Soaked, asker: Asker, *, seconds: float, rate: float) -> str:
    """Ask once more, with nothing going wrong; return how the counters differ from what was asked."""
    settled = wait_until(lambda: _settled(daemon), within_s=40, what="the counters settle")
    asked_before = asker.findings.asked.copy()
    lost_before = len(asker.findings.lost)
    asker.run(seconds, rate)
    asked = asker.findings.asked - asked_before
    wanted = asked.total() - (len(asker.findings.lost) - lost_before)
    least, most = asked["blocked"], asked["blocked"] + asked["switched"]
    now: dict[str, int] = {}

    def agrees() -> bool:
        now.update(daemon.state_of_roles().dns)
        return now["queries"] - settled["queries"] == wanted and least <= now["blocked"] - settled["blocked"] <= most

    try:
        wait_until(agrees, within_s=30, what="all is counted")
    except AssertionError:
        counted = {name: now[name] - settled[name] for name in ("queries", "blocked")}
        return f"asked {wanted} queries, {least} to {most} of them for refused names; counted {counted}"
    return ""


def _settled(daemon: Soaked) -> dict[str, int]:
    """Return the counters once they do not change any more."""
    # A worker tells its counters every two seconds, and refusals given again a share at a time: those of thousands of
    # names come over some ten seconds.
    seen: dict[str, int] = {}
    until = 0.0
    while (now := daemon.state_of_roles().dns) != seen or time.monotonic() < until:
        if now != seen:
            seen = now
            until = time.monotonic() + SETTLED_S
        time.sleep(0.5)
    return seen


def soak(
    folder: Path, *, seconds: float, rate: float, trouble_s: float, strategy: str = "in-order",
    popular_names: int = POPULAR,
) -> Outcome:  # fmt: skip
    """Soak a daemon whose files are in *folder*; return what came of it."""
    switch = Switch()
    with world(2) as around, Soaked(folder, around.ports, strategy=strategy) as daemon:
        asker = Asker(daemon.dns, kinds(switch, popular_names=popular_names))
        outcome = Outcome(asker.findings)
        trouble = Trouble(daemon, around, switch, outcome, every_s=trouble_s)
        trouble.start()
        try:
            asker.run(seconds, rate)
        finally:
            trouble.end()
        outcome.counted = compare_counters(daemon, asker, seconds=2, rate=min(rate, 5000))
        asker.close()
    return outcome


def show(outcome: Outcome) -> None:
    """Print what came of it."""
    findings = outcome.findings
    dead = sum(alive - killed for killed, alive in outcome.kills)
    print(f"{findings.queries} queries: " + ", ".join(f"{n} {title}" for title, n in findings.asked.items()))
    print("late: " + ", ".join(f"{n} after {limit} s" for limit, n in findings.late.items()))
    print(f"{outcome.reloads} reloads; {len(outcome.kills)} workers killed, away for {dead:.1f} s in all")
    print(f"lost while one was dead: {len(findings.lost) - len(outcome.unexcused())}")
    print(f"lost otherwise: {len(outcome.unexcused())}, wrong: {len(findings.wrong)}")
    seconds_after = Counter(outcome.since_kill(lost) for lost in outcome.unexcused())
    print(f"of these so many seconds after a kill: {dict(sorted(seconds_after.items()))}")
    first, last = outcome.samples[0], outcome.samples[-1]
    print(f"memory {first.memory_mb:.0f} → {last.memory_mb:.0f} MB (most {outcome.memory_mb():.0f})")
    print(f"descriptors {first.descriptors} → {last.descriptors}")


def main() -> int:
    """Soak, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=20_000, help="queries a second")
    parser.add_argument("--strategy", default="in-order", choices=["in-order", "fastest", "round-robin"])
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it leaves no daemon behind
    with tempfile.TemporaryDirectory() as folder:
        outcome = soak(
            Path(folder), seconds=asked.seconds, rate=asked.rate, trouble_s=TROUBLE_S, strategy=asked.strategy
        )
    show(outcome)
    problems = outcome.problems()
    print("\n".join(problems) or "as it must be")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
