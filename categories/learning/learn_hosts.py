# SPDX-License-Identifier: GPL-3.0-or-later
"""Learn the weights of host-name n-grams and write them where the program reads them.

    .venv/bin/pip install numpy      # needed here alone, no dependency of the project
    .venv/bin/python categories/learning/learn_hosts.py

Writes ``categories/host-weights.tsv`` (the table) and ``categories/host-weights.toml`` (what was learned from what).
Takes some five minutes and one gigabyte. The same data give the same table.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from categories.learning.hostdata import read_names
from categories.learning.hosttrain import Learned, train
from filterd.policy.hostweights import UNIT, HostWeights, Weight, format_weights

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
LABELS = Path(__file__).with_name("harmless-labels.txt")

# Each category and how many n-grams of it are kept, the strongest: more found no more on unseen sources. (Drugs were
# tried: of unseen names the n-grams found 5 % at 0.1 % wrong, the keywords alone 11 %.)
KEPT = {"pornography": 30_000, "gambling": 15_000, "dating": 10_000, "anonymizers": 15_000}

COMMENT = """SPDX-License-Identifier: GPL-3.0-or-later
How much n-grams of a host name (START "." and END "$" included) speak for a category, in thousandths of what is needed.
Written by categories/learning/learn_hosts.py: do not edit. What it was learned from stands in host-weights.toml."""


def main() -> int:
    """Learn every category and write table and record."""
    options = _parse_arguments()
    names = read_names(options.data, LABELS)
    learned = []
    for category in KEPT:
        print(f"learning {category} …", flush=True)
        learned.append(train(names, category))
    table = merge(learned)
    text = format_weights(table.categories, dict(table.grams), COMMENT)
    (options.output / "host-weights.tsv").write_text(text, encoding="utf-8")
    (options.output / "host-weights.toml").write_text(_record(learned, table, text), encoding="utf-8")
    print(f"{len(table.grams)} n-grams, {len(text) / 1e6:.2f} MB: {options.output / 'host-weights.tsv'}")
    return 0


def merge(learned: Sequence[Learned]) -> HostWeights:
    """Return the strongest n-grams of each of *learned* as one table."""
    strongest = [dict(_strongest(one.weights, KEPT[one.category])) for one in learned]
    grams = sorted(set().union(*strongest))
    return HostWeights(
        tuple(one.category for one in learned),
        tuple(Weight(gram, tuple(weights.get(gram, 0) for weights in strongest)) for gram in grams),
    )


def _strongest(weights: Mapping[str, int], kept: int) -> Iterable[tuple[str, int]]:
    return sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))[:kept]


def _record(learned: Sequence[Learned], table: HostWeights, text: str) -> str:
    today = dt.datetime.now(dt.UTC).date()
    lines = [
        "# SPDX-License-Identifier: GPL-3.0-or-later",
        "# What host-weights.tsv was learned from. Written by the script it names: do not edit.",
        'script = "categories/learning/learn_hosts.py"',
        f"date = {today}",
        f'digest = "sha256:{hashlib.sha256(text.encode()).hexdigest()}"',
        f"ngrams = {len(table.grams)}",
        f"unit = {UNIT}  # the sum that is a match",
        'licence = """',
        "The table holds weights of groups of letters; no list can be rebuilt from it. Harmful names: labelled hosts",
        "compiled from public lists of mixed licences, marked as allowed to teach such weights. Harmless names:",
        "public-sector, school, university, bank and news sites; popular domains (MIT, and unlicensed rankings); words",
        "of news and encyclopaedia texts (CC BY, CC BY-SA) and labels written for this project.",
        '"""',
    ]
    for one in learned:
        lines += ["", f"[{one.category}]", f"threshold = {one.threshold:.3f}  # log-odds of a match", "names = {"]
        lines[-1] = "names = { " + ", ".join(f"{kind} = {count}" for kind, count in one.counts.items()) + " }"
    return "\n".join(lines) + "\n"


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn the weights of host-name n-grams.")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of development data (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "categories", help="where to write (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
