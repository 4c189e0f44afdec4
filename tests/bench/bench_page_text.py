# SPDX-License-Identifier: GPL-3.0-or-later
"""How many megabytes of pages a second are read and judged on one core; target: 20.

Part of `make bench`. Reads real pages where they are at hand, else pages made here; judges by the shipped phrases,
filled up with made ones to at least 4 000. Prints each part's share; exits 1 where the target is missed.
"""

from __future__ import annotations

import io
import random
import resource
import sys
import tarfile
import time
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from filterd.policy.model import PageView
from filterd.policy.page_words import normalise_text
from filterd.policy.phrases import Phrase, parse_phrase
from filterd.policy.scorer import PageScorer
from filterd.proxy.page_charset import decode
from filterd.proxy.page_markup import cut
from filterd.proxy.page_text import read_page
from filterd.shipped import Shipped, load_phrases

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "html" / "pages.tar.zst"
TARGET_MB_S = 20
BUILD_TARGET_S = 0.3
FEWEST_PHRASES = 4_000
HTML = "text/html"


def pages() -> list[bytes]:
    """Return real pages, or as many made ones."""
    if not SHARED.is_file():
        block = "<div class='x' id=y><a href='https://example.org/a'>Los precios</a> de la <b>carne</b> suben.</div>\n"
        return [
            f"<title>Noticias {at}</title><script>{'x=1;' * 9000}</script>{block * 900}".encode() for at in range(200)
        ]
    packed = SHARED.read_bytes()
    tar = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(io.BytesIO(packed)).read()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        return [file.read() for file in files if file]


def phrases(views: list[PageView]) -> dict[str, tuple[Phrase, ...]]:
    """Return the shipped phrases with, where they are few, others of one to three words that do stand in *views*."""
    found = load_phrases(Shipped().folder)
    missing = FEWEST_PHRASES - sum(map(len, found.values()))
    if missing <= 0:
        return found
    rnd = random.Random(5653)
    words = sorted({w for view in views[::3] for w in normalise_text(view.text).split() if len(w) > 4 and w.isalpha()})
    made = {" ".join(rnd.choices(words, k=rnd.choice((1, 2, 2, 3)))) for _ in range(missing)}
    return {**found, "made": tuple(parse_phrase(text, weight=rnd.choice((1.0, -1.0))) for text in sorted(made))}


def cpu_s() -> float:
    """Return this process's processor time."""
    return time.process_time()


def resident_mb() -> float:
    """Return the memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main() -> int:
    """Measure, print, judge."""
    bodies = pages()
    size = sum(map(len, bodies)) / 1e6
    steps: dict[str, float] = {}
    at = cpu_s()
    views = [read_page(body, content_type=HTML) for body in bodies]
    steps["read the page"] = cpu_s() - at
    given = phrases(views)
    memory, at = resident_mb(), cpu_s()
    scorer = PageScorer(given)
    build, grown = cpu_s() - at, resident_mb() - memory
    at = cpu_s()
    for body in bodies:
        cut(decode(body, HTML))
    steps["  of it decode and cut"] = cpu_s() - at
    at = cpu_s()
    for view in views:
        scorer.score(view)
    steps["judge it"] = cpu_s() - at
    at = cpu_s()
    for view in views:
        normalise_text(view.text)
    steps["  of it normalise"] = cpu_s() - at
    rate = size / (steps["read the page"] + steps["judge it"])
    slowest = max(_timed(scorer, body) for body in bodies)
    count = sum(map(len, given.values()))
    print(f"{len(bodies)} pages, {size:.1f} MB; {count} phrases: built in {build:.2f} s, {grown:.1f} MB more memory")
    for name, took in steps.items():
        print(f"{name:25}{took * 1000 / len(bodies):7.2f} ms a page {size / took:8.0f} MB a second")
    print(f"slowest page: {slowest * 1000:.0f} ms")
    reached = rate >= TARGET_MB_S and build < BUILD_TARGET_S
    print(f"{rate:.1f} MB a second on one core, target {TARGET_MB_S}: {'ok' if reached else 'MISSED'}")
    return 0 if reached else 1


def _timed(scorer: PageScorer, body: bytes) -> float:
    at = cpu_s()
    scorer.score(read_page(body, content_type=HTML))
    return cpu_s() - at


if __name__ == "__main__":
    raise SystemExit(main())
