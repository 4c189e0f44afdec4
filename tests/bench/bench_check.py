# SPDX-License-Identifier: GPL-3.0-or-later
"""How many names a second `filterd check --batch` answers on one core; target: 30 000 of a realistic stream.

Part of `make bench`. Prints a table, with a hard mix (half of it harmful names that no list knows) for comparison;
exits 1 where the target is missed.
"""

from __future__ import annotations

import io
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.accuracy.real_lists import FILTERD, SHARED, read_popular, read_rows

TARGET = 30_000
NAMES = 200_000


def stream() -> list[str]:
    """Return names as a family's computers ask for them: popular ones often, a few harmful."""
    if not SHARED.is_dir():
        return [f"host{n % 9973}.example{n % 97}.org" for n in range(NAMES)]
    packed = (SHARED / "toplists" / "traffic_100k.txt.zst").read_bytes()
    asked = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read().decode().split()
    return [asked[at % len(asked)] for at in range(NAMES)]


def hard_mix() -> list[str]:
    """Return harmless and harmful names half and half, in random order, some with ``www.``."""
    if not SHARED.is_dir():
        return []
    harmless = [*read_popular(), *(row.host for row in read_rows("must_allow.tsv.zst"))]
    harmful = [row.host for row in read_rows("labeled.tsv.zst")]
    rnd = random.Random(5653)
    half = NAMES // 4
    chosen = [*rnd.choices(harmless, k=half), *rnd.choices(harmful, k=half)]
    rnd.shuffle(chosen)
    return [f"www.{name}" if rnd.random() < 0.3 else name for name in chosen]


def cpu_s() -> float:
    """Return the processor time of ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(config: Path, batch: Path, names: list[str]) -> float:
    """Return the seconds of processor time that *names* take, start-up included."""
    batch.write_text("".join(f"{name}\n" for name in names))
    before = cpu_s()
    subprocess.run(
        [*FILTERD, "check", "--batch", str(batch), "--config", str(config)], check=True, stdout=subprocess.DEVNULL
    )
    return cpu_s() - before


def main() -> int:
    """Measure, print, judge."""
    with tempfile.TemporaryDirectory() as folder:
        config, batch = Path(folder) / "filterd.toml", Path(folder) / "names"
        config.write_text(f'[paths]\nstate = "{folder}/state"\n')
        subprocess.run([*FILTERD, "compile", "--config", str(config)], check=True, stdout=subprocess.DEVNULL)
        start = min(measure(config, batch, ["example.org"]) for _ in range(3))
        rates = {}
        for title, names in (("realistic stream", stream()), ("hard mix", hard_mix())):
            if names:
                rates[title] = len(names) / (measure(config, batch, names) - start)
    print(f"start: {start:.2f} s of processor time")
    for title, rate in rates.items():
        print(f"{title:18}{rate:8.0f} names a second on one core")
    reached = rates["realistic stream"] >= TARGET
    print(f"target {TARGET}: {'ok' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
