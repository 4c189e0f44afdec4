# SPDX-License-Identifier: GPL-3.0-or-later
"""The category database's figures: a table, and exit status 1 if one is missed.

Each figure is taken in a process of its own, so that none sees another's memory. The lists are those of
``../shared/data``; where they are absent, made-up names of the same number and length stand in for them.
"""

from __future__ import annotations

import io
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

LISTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "lists"
BIG = LISTS / "porn_2.27M_perf.txt.zst"
OTHER = LISTS / "porn-other__4skinSkywalker-HOSTS.txt.zst"

LOOK_UPS = 200_000
BATCH = 500
OPENINGS = 5

# what, limit (None: shown only, for it is part of the figure above it), unit, name
FIGURES: list[tuple[str, float | None, str, str]] = [
    ("compile: time", 30, "s", "compile_s"),
    ("compile: peak resident memory", 600, "MB", "compile_mb"),
    ("open, checksum included: median", 50, "ms", "open_ms"),
    (f"process memory (PSS) after {LOOK_UPS:,} look-ups", 40, "MB", "pss_mb"),
    ("look-up: median", 3, "µs", "look_up_us"),
    ("  of listed names", None, "µs", "hit_us"),
    ("  of names below listed ones", None, "µs", "below_us"),
    ("  of names that nothing covers", None, "µs", "miss_us"),
]


def main() -> int:
    """Take every figure, print them and return 1 if one is over its limit."""
    with tempfile.TemporaryDirectory() as folder:
        database, queries = Path(folder) / "bench.fdb", Path(folder) / "queries"
        measured = _in_process("compile", database)
        print(f"{measured.pop('names'):,.0f} names, {measured.pop('file_mb'):.1f} MB, from {_origin()}")
        _in_process("queries", database, queries)
        openings = [_in_process("open", database)["open_ms"] for _ in range(OPENINGS)]
        measured["open_ms"] = statistics.median(openings)
        measured |= _in_process("memory", database, queries) | _in_process("look-up", database, queries)
    missed = False
    for what, limit, unit, figure in FIGURES:
        value = measured[figure]
        over = limit is not None and value > limit
        missed |= over
        verdict = "" if limit is None else f"at most {limit:>3} {unit:<3} {'MISSED' if over else 'ok'}"
        print(f"  {what:<46}{value:>9.2f} {unit:<3} {verdict}".rstrip())
    return 1 if missed else 0


def _origin() -> str:
    return "../shared/data" if BIG.exists() else "made-up names (../shared/data is absent)"


def _in_process(step: str, *paths: Path) -> dict[str, float]:
    command = [sys.executable, __file__, step, *map(str, paths)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=600).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


# --- the steps, each in its own process; what they import they import themselves, for it counts ---


def compile_lists(database: str) -> dict[str, float]:
    """Compile both lists into *database*."""
    from filterd.database.build import build_database
    from filterd.policy.model import Rule, RuleList

    lists = [
        RuleList("big", "pornography", map(Rule, _big_names())),
        RuleList("other", "adult", map(Rule, _other_names())),
    ]
    began = time.perf_counter()
    report = build_database(lists, Path(database), built=datetime.now(UTC))
    took = time.perf_counter() - began
    peak = _read_kb("/proc/self/status", "VmHWM:")
    return {"compile_s": took, "compile_mb": peak / 1000, "names": report.names, "file_mb": report.size / 1e6}


def write_queries(database: str, queries: str) -> dict[str, float]:
    """Write LOOK_UPS hosts to *queries*, a letter for their kind before each: hits, hits below, misses."""
    from filterd.database.reader import Database

    dice = random.Random(2)
    find = Database.open(Path(database)).find
    names = dice.sample(list(_big_names()), LOOK_UPS // 4)
    asked = [pair for name in names for pair in _variants(name, dice)]
    asked = [(kind, host) for kind, host in asked if bool(find(host)) == (kind != "m")]
    dice.shuffle(asked)
    asked += asked[: LOOK_UPS - len(asked)]
    Path(queries).write_text("".join(f"{kind}{host}\n" for kind, host in asked), encoding="ascii")
    return {}


def _variants(name: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    yield "h", name
    yield "b", dice.choice(["www.", "m.", "static.cdn."]) + name
    yield "m", name.replace("a", "e").replace("o", "u")
    yield "m", f"www.{name.split('.')[0]}{dice.randrange(100)}.edu.py"


def open_database(database: str) -> dict[str, float]:
    """Open *database* once, as a role does at its start."""
    from filterd.database.reader import Database

    began = time.perf_counter()
    Database.open(Path(database))
    return {"open_ms": (time.perf_counter() - began) * 1e3}


def measure_memory(database: str, queries: str) -> dict[str, float]:
    """Look all *queries* up, one at a time so that they themselves take no room."""
    from filterd.database.reader import Database

    find = Database.open(Path(database)).find
    with open(queries, encoding="ascii") as lines:  # noqa: PTH123  # no more imported than look-ups need
        count = sum(1 for line in lines if find(line[1:-1]) is not None)
    if count != LOOK_UPS:
        raise ValueError(f"{count} look-ups instead of {LOOK_UPS}")
    return {"pss_mb": _read_kb("/proc/self/smaps_rollup", "Pss:") / 1000}


def measure_look_ups(database: str, queries: str) -> dict[str, float]:
    """Time *queries* in batches: the median of many short batches is deaf to what else the machine does.

    A batch is read just before it is timed, as a host comes fresh from its packet.
    """
    from filterd.database.reader import Database

    find = Database.open(Path(database)).find
    for host in _hosts(queries, "hbm"):
        find(host)  # pages come in
    kinds = {"look_up_us": "hbm", "hit_us": "h", "below_us": "b", "miss_us": "m"}
    rounds = [{figure: _median_us(find, _hosts(queries, kind)) for figure, kind in kinds.items()} for _ in range(3)]
    return {figure: min(taken[figure] for taken in rounds) for figure in kinds}  # noise only ever adds


def _hosts(queries: str, kinds: str) -> Iterator[str]:
    with Path(queries).open(encoding="ascii") as lines:
        yield from (line[1:-1] for line in lines if line[0] in kinds)


def _median_us(find: Callable[[str], object], hosts: Iterator[str]) -> float:
    times = []
    while batch := list(itertools.islice(hosts, BATCH)):
        began = time.perf_counter()
        for host in batch:
            find(host)
        times.append((time.perf_counter() - began) / len(batch))
    return statistics.median(times) * 1e6


def _read_kb(file: str, field: str) -> float:
    for line in Path(file).read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1.024
    raise ValueError(f"{file} has no {field}")


# --- the names ---


def _big_names() -> Iterable[str]:
    # The list names com and net; a name of one label is what the lists' own checks refuse first.
    return (name for name in _read_lines(BIG) if "." in name) if BIG.exists() else _made_up(2_270_000, seed=1)


def _other_names() -> Iterable[str]:
    if OTHER.exists():
        return (fields[1] for line in _read_lines(OTHER) if len(fields := line.split()) == 2)
    return _made_up(90_000, seed=1)


def _read_lines(path: Path) -> Iterator[str]:
    import zstandard

    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8")
        yield from (line.rstrip("\n") for line in text)


def _made_up(count: int, *, seed: int) -> Iterator[str]:
    dice = random.Random(seed)
    syllables = [a + b for a in "bcdfglmnprstvxyz" for b in "aeio"]
    words = [a + b for a in syllables for b in syllables]  # 2 ** 12
    ends = [".com", ".net", ".org", ".com.br", ".tumblr.com", ".blogspot.com", ".xyz", ".es"]  # 2 ** 3
    for _ in range(count):
        bits = dice.getrandbits(34)
        yield words[bits & 4095] + words[bits >> 12 & 4095] + syllables[bits >> 24 & 63] + ends[bits >> 30 & 7]


STEPS: dict[str, Callable[..., dict[str, float]]] = {
    "compile": compile_lists,
    "queries": write_queries,
    "open": open_database,
    "memory": measure_memory,
    "look-up": measure_look_ups,
}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    json.dump(STEPS[sys.argv[1]](*sys.argv[2:]), sys.stdout)
