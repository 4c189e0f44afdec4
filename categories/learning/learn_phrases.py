# SPDX-License-Identifier: GPL-3.0-or-later
"""Learn the weights of the phrases by which harmful pages are known, and write them where the program reads them.

    .venv/bin/pip install -e '.[learn]'      # numpy, needed here alone
    .venv/bin/python -m categories.learning.learn_phrases
    .venv/bin/python -m categories.learning.learn_phrases --cross-validate

Writes ``categories/<id>/phrases.tsv`` and ``categories/phrases.toml`` from ``candidates/``, ``pages/`` and, where it is
there, the part of shared/data/text that may teach. The same data give the same files. More: docs/phrases.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from categories.learning.phrase_data import Page, read_pages, read_public
from categories.learning.phrase_notation import read_candidates
from categories.learning.phrase_train import SHARED, Corpus, Learned, learn
from filterd.policy.model import AgeBand
from filterd.policy.phrases import LANGUAGES, PhraseError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = ROOT.parent / "shared" / "data" / "text"

_HEAD = """# SPDX-License-Identifier: GPL-3.0-or-later
# phrase, language, weight: what speaks for this category in a page, or (negative) against it.
# Written by categories/learning/learn_phrases.py from candidates/ and pages/ there: do not edit. docs/phrases.md
"""
_MODEL_HEAD = """# SPDX-License-Identifier: GPL-3.0-or-later
# From which probability on a page counts as of a category, by age, and where each category's sum begins (bias).
# Written by categories/learning/learn_phrases.py: do not edit. docs/phrases.md
"""


def main() -> int:
    """Learn every category that has candidates, print how pages left out were judged, write the files."""
    options = _parse_arguments()
    try:
        corpus = read_corpus(HERE, options.data, options.only)
    except (PhraseError, ValueError) as error:
        print(f"learn_phrases: {error}", file=sys.stderr)
        return 1
    learned = []
    for category in sorted(set(corpus.candidates) - {SHARED}):
        learned.append(learn(corpus, category))
        print(_summary(learned[-1]), flush=True)
    print(table(learned))
    if options.cross_validate:
        print("nothing written")
    elif options.only:
        print("nothing written: --only is for looking, phrases.toml needs all categories")
    else:
        _write(learned, options.output)
    return 0


def read_corpus(folder: Path, data: Path, only: Sequence[str] = ()) -> Corpus:
    """Return the candidates (of the categories *only*, or all) and pages in *folder* and the public texts in *data*.

    *data* may be absent.
    """
    paths = sorted((folder / "candidates").glob("*.txt"))
    candidates = {path.stem: read_candidates(path) for path in paths if not only or path.stem in {SHARED, *only}}
    pages: list[Page] = []
    for path in sorted((folder / "pages").glob("*.jsonl")):
        pages += read_pages(path)
    if data.is_dir():
        pages += read_public(data)
    else:
        print(f"{data} is absent: learning from the project's own pages alone", file=sys.stderr)
    return Corpus(candidates, pages)


def format_phrases(learned: Learned) -> str:
    """Return the content of phrases.tsv: by language, the strongest first."""
    ordered = sorted(learned.phrases, key=lambda p: (LANGUAGES.index(p.language), -p.weight, p.text))
    return _HEAD + "".join(f"{phrase.text}\t{phrase.language}\t{phrase.weight:g}\n" for phrase in ordered)


def format_model(learned: Iterable[Learned]) -> str:
    """Return the content of phrases.toml."""
    lines = [_MODEL_HEAD]
    for one in learned:
        bands = ", ".join(f"{band} = {one.thresholds[band]:g}" for band in AgeBand)
        lines += [f"[categories.{one.category}]", f"bias = {one.bias:g}", f"thresholds = {{ {bands} }}", ""]
    return "\n".join(lines)


def table(learned: Sequence[Learned]) -> str:
    """Return found and wrongly blocked pages by category and language, each page judged by a model without it."""
    languages = LANGUAGES[:4]
    lines = ["", "| category | " + " | ".join(f"{one} found, wrong" for one in languages) + " | all |"]
    lines.append("|---" * (len(languages) + 2) + "|")
    for one in learned:
        cells = [_cell(one, (language,)) for language in languages]
        lines.append(f"| {one.category} | " + " | ".join(cells) + f" | {_cell(one, languages)} |")
    return "\n".join(lines)


def missed(learned: Learned) -> list[str]:
    """Return the ids of own pages that a model without them judges wrongly, with the probability it gives."""
    threshold = learned.thresholds[AgeBand.CHILD]
    pairs = zip(learned.own, learned.unseen, strict=True)
    return [f"{page.id} {value:.2f}" for page, value in pairs if page.harmful != (value >= threshold)]


def _cell(learned: Learned, languages: Sequence[str]) -> str:
    threshold = learned.thresholds[AgeBand.CHILD]
    judged = [
        (page.harmful, value >= threshold)
        for page, value in zip(learned.own, learned.unseen, strict=True)
        if page.language in languages
    ]
    harmful = [blocked for really, blocked in judged if really]
    traps = [blocked for really, blocked in judged if not really]
    return f"{sum(harmful)}/{len(harmful)}, {sum(traps)}/{len(traps)}"


def _summary(learned: Learned) -> str:
    wrong = ", ".join(missed(learned)) or "none"
    threshold = learned.thresholds[AgeBand.CHILD]
    return (
        f"{learned.category}: {len(learned.phrases)} phrases, threshold {threshold:g}; strangers' pages: "
        f"{learned.strangers_found:.0%} found, {learned.strangers_wrong:.1%} wrong; wrong when unseen: {wrong}"
    )


def _write(learned: Sequence[Learned], folder: Path) -> None:
    for one in learned:
        path = folder / one.category / "phrases.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(format_phrases(one), encoding="utf-8")
    (folder / "phrases.toml").write_text(format_model(learned), encoding="utf-8")
    print(f"{sum(len(one.phrases) for one in learned)} phrases of {len(learned)} categories: {folder}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn the weights of phrases.")
    parser.add_argument("--data", type=Path, default=DATA, help="public texts that may teach (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "categories", help="default: %(default)s")
    parser.add_argument(
        "--cross-validate", action="store_true", help="write nothing; print found and wrong by language"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="ID", default=[], help="learn these categories only; writes nothing"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
