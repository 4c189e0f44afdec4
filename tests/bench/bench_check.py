# SPDX-License-Identifier: GPL-3.0-or-later
"""How many names a second `filterd check --batch` answers on one core (target: 30 000), on real popular names.

Part of `make bench`. Prints a table; exits 1 where the target is missed.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.accuracy.real_lists import FILTERD, SHARED, read_popular, read_rows

TARGET = 30_000
NAMES = 200_000


def names() -> list[str]:
    """Return popular, listed and unknown names in random order, some in odd spelling."""
    if not SHARED.is_dir():
        base = [f"host{n}.example{n % 97}.org" for n in range(20_000)]
    else:
        base = [*read_popular(), *(row.host for row in read_rows("must_allow.tsv.zst")),
                *(row.host for row in read_rows("labeled.tsv.zst")[::8])]  # fmt: skip
    rnd = random.Random(5653)
    return [f"www.{name}" if rnd.random() < 0.3 else name for name in rnd.choices(base, k=NAMES)]


def cpu_s() -> float:
    """Return the processor time of ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure, print, judge."""
    with tempfile.TemporaryDirectory() as folder:
        config, batch = Path(folder) / "filterd.toml", Path(folder) / "names"
        config.write_text(f'[paths]\nstate = "{folder}/state"\n')
        subprocess.run([*FILTERD, "compile", "--config", str(config)], check=True, stdout=subprocess.DEVNULL)
        rates = []
        for content in ("example.org\n", "".join(f"{name}\n" for name in names())):
            batch.write_text(content)
            before, started = cpu_s(), time.monotonic()
            command = [*FILTERD, "check", "--batch", str(batch), "--config", str(config)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            rates.append((cpu_s() - before, time.monotonic() - started))
    (start_cpu, start_wall), (whole_cpu, whole_wall) = rates
    rate = NAMES / (whole_cpu - start_cpu)
    print(f"start                {start_cpu:8.2f} s processor time, {start_wall:.2f} s wall")
    print(f"{NAMES} names        {whole_cpu:8.2f} s processor time, {whole_wall:.2f} s wall, start included")
    print(f"names a second       {rate:8.0f} on one core (target {TARGET}): {'ok' if rate >= TARGET else 'MISSED'}")
    return 0 if rate >= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
