# SPDX-License-Identifier: GPL-3.0-or-later
"""Fuzzes all targets for a while (`make fuzz`: ten minutes), guided by coverage where atheris is installed.

Without it messages are mutated blindly, which still finds much. Exits 1 at the first input that breaks a target, and
says how to see it again: `fuzz.py --only TARGET --input FILE`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.fuzz.corpus import mutate, seeds
from tests.fuzz.targets import TARGETS

_LONGEST = 4096
_SLICE = 256  # inputs between two looks at the clock


def fuzz_blindly(target: str, seconds: float) -> int:
    """Put mutated messages to *target*; return how many. An input that breaks it is shown, and the exception passes."""
    chance, first = random.Random(time.time_ns()), seeds(target)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for _ in range(_SLICE):
            raw = mutate(chance.choice(first), chance)
            try:
                TARGETS[target](raw)
            except BaseException:
                print(f"{target} is broken by {raw.hex()}")
                raise
        count += _SLICE
    return count


def fuzz_guided(target: str, seconds: float, corpus: Path) -> None:
    """Have atheris put inputs to *target*; never returns, for libFuzzer ends the process."""
    atheris = importlib.import_module("atheris")  # not of the locked dependencies: wanted for this alone

    for number, raw in enumerate(seeds(target)):
        (corpus / f"seed{number}").write_bytes(raw)
    with atheris.instrument_imports(include=["filterd.dns"], enable_loader_override=False):
        for name in [name for name in sys.modules if name.startswith("filterd.")]:
            del sys.modules[name]
        del sys.modules["tests.fuzz.targets"]
        fresh = importlib.import_module("tests.fuzz.targets")
    options = [f"-max_total_time={max(1, int(seconds))}", f"-max_len={_LONGEST}", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={corpus.parent}/broken-", str(corpus)], fresh.TARGETS[target]
    )
    atheris.Fuzz()


def run_guided(target: str, seconds: float) -> int:
    """Fuzz *target* in a process of its own; return how many inputs it stood."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / target
        corpus.mkdir()
        command = [sys.executable, __file__, "--only", target, "--seconds", str(seconds), "--corpus", str(corpus)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            broken = "".join(f"{path.name}: {path.read_bytes().hex()}\n" for path in Path(folder).glob("broken-*"))
            raise SystemExit(f"{done.stdout[-2000:]}{done.stderr[-4000:]}\n{target} is broken by {broken}")
    found = re.findall(r"^#(\d+)", done.stderr, re.MULTILINE)
    return max(map(int, found), default=0)


def main() -> int:
    """Fuzz, print what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together")
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--input", type=Path, help="put this file to the target named, and nothing else")
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.input:
        TARGETS[asked.only](asked.input.read_bytes())
        return 0
    if asked.corpus:
        fuzz_guided(asked.only, asked.seconds, asked.corpus)
    chosen = [asked.only] if asked.only else list(TARGETS)
    guided = importlib.util.find_spec("atheris") is not None
    run = run_guided if guided else fuzz_blindly
    print("guided by atheris" if guided else "atheris is not installed (pip install atheris): blindly mutated")
    for target in chosen:
        count = run(target, asked.seconds / len(chosen))
        print(f"{target}: {count} inputs", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
