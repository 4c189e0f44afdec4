# SPDX-License-Identifier: GPL-3.0-or-later
"""What a query costs here, beside unbound, dnsmasq and dnsdist with the same names to block.

Part of `make bench`. Runs the bench that lies beside the project (`../shared/bench/dns_bench.py`) with a million names,
then adds what that does not ask: names that nobody has asked before. Says so and ends where that folder or a peer is
missing. Exits 1 where a target is missed: 1.5 × unbound's processor time a query (3 × for a name that is new), memory
below dnsmasq's, ready within a second, no wrong answer.

Names of the list that our judge of lists drops or a guard keeps open (`hospital`, `safersex.org`, `*.ac.th`) are taken
out first: to block them would be wrong, and the others would block them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.accuracy.real_lists import FILTERD, SHARED

BENCH = SHARED.parent / "bench" / "dns_bench.py"
LIST = SHARED / "lists" / "porn_2.27M_perf.txt.zst"
PEERS = ("unbound", "dnsmasq", "dnsdist")
MIXES = ("blocked", "cached", "mixed")
PATHS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"

MOST_OF_UNBOUND, MOST_OF_UNBOUND_UNIQUE, READY_S = 1.5, 3.0, 1.0
UNIQUE_NAMES, UNIQUE_LISTED = 40_000, 100_000

Rows = dict[str, dict[str, Any]]


def missing() -> list[str]:
    """Return what this bench needs and has not."""
    files = [str(path) for path in (BENCH, LIST) if not path.is_file()]
    return files + [name for name in (*PEERS, "dnsperf", "zstd") if not shutil.which(name, path=PATHS)]


def load_bench() -> ModuleType:
    """Return the shared bench as a module."""
    spec = importlib.util.spec_from_file_location("dns_bench", BENCH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names_to_block(bench: ModuleType, folder: Path, count: int) -> list[str]:
    """Return about *count* names of the list that our filter blocks when it is subscribed."""
    names: list[str] = bench.read_names(LIST, count)
    bench.command("ours", 9, names, folder, FILTERD)
    batch = folder / "batch"
    batch.write_text("".join(f"{name}\n" for name in names))
    command = [*FILTERD, "check", "--batch", str(batch), "--config", str(folder / "filterd.toml")]
    verdicts = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name, line in zip(names, verdicts, strict=True) if json.loads(line)["action"] == "block"]


def run_shared(folder: Path, names: list[str], *, seconds: float, rounds: int) -> Rows:
    """Return what the shared bench finds for all four servers."""
    listed = folder / "blocked.txt"
    listed.write_text("".join(f"{name}\n" for name in names))
    command = [
        sys.executable, str(BENCH), "--list", str(listed), "--names", "0", "--seconds", str(seconds),
        "--rounds", str(rounds), "--json", "--", *FILTERD,
    ]  # fmt: skip
    found: Rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["servers"]
    return found


def run_unique(bench: ModuleType, folder: Path, names: list[str], *, rounds: int) -> dict[str, float]:
    """Return processor time in µs for each name asked for the first time, of ours and of unbound."""
    upstream = bench.start([sys.executable, "-c", bench.UPSTREAM, str(bench.UPSTREAM_PORT)], None)
    running = {}
    costs: dict[str, list[float]] = {"ours": [], "unbound": []}
    with contextlib.ExitStack() as stack:
        stack.callback(bench.stop, upstream)
        for kind in costs:
            (folder / kind).mkdir()
            port = bench.free_port()
            command = bench.command(kind, port, names, folder / kind, FILTERD)
            log = stack.enter_context((folder / kind / "log").open("wb"))
            running[kind] = bench.start(command, log), port
            stack.callback(bench.stop, running[kind][0])
            while not bench.is_blocked(bench.answer(port, names[0], 0.1)):
                time.sleep(0.01)
        for turn in range(rounds):
            queries = folder / "queries"
            asked = (f"n{at}.u{turn}x{at % 997}.example A\n" for at in range(UNIQUE_NAMES))
            queries.write_text("".join(asked))
            for kind, (process, port) in running.items():
                costs[kind].append(_cost(bench, process.pid, port, queries))
    return {kind: statistics.median(found) for kind, found in costs.items()}


def _cost(bench: ModuleType, pid: int, port: int, queries: Path) -> float:
    before = bench.cpu_seconds(pid)
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries), "-n", "1", "-c", "4", "-q", "100"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    done = int(next(line for line in told.splitlines() if "Queries completed:" in line).split()[2])
    if done < UNIQUE_NAMES * 0.99:
        raise SystemExit(f"only {done} of {UNIQUE_NAMES} queries were answered: the machine is too busy to measure")
    return float(bench.cpu_seconds(pid) - before) / done * 1e6


def show(rows: Rows, unique: dict[str, float]) -> None:
    """Print the table as it stands in docs/performance.md."""
    print("| server | ready | memory | wrong of 1 000 | blocked | cached | mixed | new names |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, row in rows.items():
        costs = " | ".join(f"{row[mix]['cpu_us']:.2f}" for mix in MIXES)
        new = f"{unique[kind]:.1f}" if kind in unique else "–"
        ready = f"{row['ready_s']:.2f} s | {row['memory_mb']:.0f} MB"
        print(f"| {kind} | {ready} | {row['wrong_of_1000']} | {costs} | {new} |")
    print("costs: µs of processor time a query")


def judge(rows: Rows, unique: dict[str, float]) -> list[str]:
    """Return the targets that are missed."""
    ours, unbound = rows["ours"], rows["unbound"]
    ratios = {mix: ours[mix]["cpu_us"] / unbound[mix]["cpu_us"] for mix in MIXES}
    print("times unbound's: " + ", ".join(f"{mix} {ratio:.2f}" for mix, ratio in ratios.items()), end="")
    print(f", new names {unique['ours'] / unique['unbound']:.2f}")
    missed = [f"{mix}: {ratio:.2f} × unbound" for mix, ratio in ratios.items() if ratio > MOST_OF_UNBOUND]
    if unique["ours"] > MOST_OF_UNBOUND_UNIQUE * unique["unbound"]:
        missed.append(f"new names: {unique['ours'] / unique['unbound']:.2f} × unbound")
    if ours["memory_mb"] >= rows["dnsmasq"]["memory_mb"]:
        missed.append("memory: not below dnsmasq's")
    if ours["ready_s"] > READY_S:
        missed.append(f"ready after {ours['ready_s']:.2f} s")
    if ours["wrong_of_1000"]:
        missed.append(f"{ours['wrong_of_1000']} wrong answers")
    return missed


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if absent := missing():
        print(f"DNS bench left out, missing: {', '.join(absent)}")
        return 0
    os.environ["PATH"] += f":{PATHS}"  # servers lie in sbin
    bench = load_bench()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "check").mkdir()
        (folder / "unique").mkdir()
        names = names_to_block(bench, folder / "check", asked.names)
        print(
            f"{len(names)} names to block of {asked.names}; the others are kept open by the judge of lists or a guard"
        )
        unique = run_unique(bench, folder / "unique", names[:UNIQUE_LISTED], rounds=asked.rounds)
        rows = run_shared(folder, names, seconds=asked.seconds, rounds=asked.rounds)
    show(rows, unique)
    missed = judge(rows, unique)
    print("targets: " + ("ok" if not missed else "MISSED: " + "; ".join(missed)))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
