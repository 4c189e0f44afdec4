# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request over plain HTTP costs with page text on, beside a bare mitmdump, e2guardian and squid.

Part of `make bench`. Runs the bench that lies beside the project (`../shared/bench/http_bench.py`); what counts is
processor time within one run. Exits 1 where a target is missed: 1.25 of mitmdump's, a quarter of e2guardian's. Its
pages are the same each time, so that most are known again (`clean_pages.py`): what a page costs that nobody has seen
is measured in one process, and what the bench would show if all were new is printed beside it. Says so and ends where
that folder or a peer is missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from filterd.policy.model import AgeBand, Client, PageView, Request, Stage
from filterd.policy.policy import Policy
from filterd.policy.profile import Profile, preset
from filterd.proxy.page_text import read_page
from filterd.shipped import Shipped
from tests.bench.bench_tls import BENCH, load

FILTERD = Path(sys.executable).with_name("filterd")
PATHS = "/usr/sbin:/usr/bin"
MOST_OF_MITMDUMP, MOST_OF_E2GUARDIAN = 1.25, 0.25
PAGES_AMONG_REQUESTS = 0.5  # of the bench's mix

Rows = dict[str, dict[str, Any]]


class _NoNames:
    """A database without entries."""

    def find(self, host: str, path: str | None = None, /) -> tuple[()]:  # noqa: ARG002 - the signature of those that look
        return ()


def missing() -> list[str]:
    """Return what this bench needs and has not."""
    script = BENCH / "http_bench.py"
    files = [] if script.is_file() else [str(script)]
    return files + [name for name in ("nginx", "wrk", "e2guardian", "squid") if not shutil.which(name, path=PATHS)]


def run(seconds: float, rounds: int) -> Rows:
    """Return what the shared bench measures, by proxy."""
    command = [
        sys.executable, str(BENCH / "http_bench.py"), "--json", "--seconds", f"{seconds:g}", "--rounds", str(rounds),
        "--only", "ours,mitmdump,e2guardian,squid", str(FILTERD),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows: Rows = json.loads(done.stdout)["proxies"]
    return rows


def cost_of_a_new_page(page: bytes, times: int = 100) -> float:
    """Return the milliseconds of processor time that reading and judging *page* take."""
    shipped = Shipped()
    start = preset(AgeBand.CHILD, shipped.catalogue.categories.values())
    profile = Profile("child", start.blocked_categories, start.safe_search, start.youtube, inspect=True)
    policy = Policy(
        _NoNames(), shipped.matcher, shipped.catalogue.categories, {"child": profile}, "child", shipped.safe_search,
        scorer=shipped.scorer,
    )  # fmt: skip
    now = datetime.now(UTC)

    def judge(view: PageView) -> None:
        policy.decide(Request(Stage.RESPONSE, Client("127.0.0.1"), now, "a.example", "http://a.example/", page=view))

    judge(read_page(page, content_type="text/html"))
    began = time.process_time()
    for _ in range(times):
        judge(read_page(page, content_type="text/html"))
    return (time.process_time() - began) / times * 1000


def report(rows: Rows, new_page_ms: float) -> bool:
    """Print *rows*; return whether the targets are met."""
    print(f"{'proxy':12}{'ms/request':>11}{'requests/s':>11}{'p99 ms':>9}{'PSS MB':>8}{'errors':>8}")
    for name, row in rows.items():
        print(
            f"{name:12}{row['cpu_ms']:11.3f}{row['rps']:11.0f}{row['p99_ms']:9.1f}{row['memory_mb']:8.1f}"
            f"{row['errors']:8}"
        )
    met = True
    ours = rows["ours"]["cpu_ms"]
    print(f"a page that was never seen costs {new_page_ms:.2f} ms more")
    for said, cost in (("known again", ours), ("all new", ours + new_page_ms * PAGES_AMONG_REQUESTS)):
        for peer, most in (("mitmdump", MOST_OF_MITMDUMP), ("e2guardian", MOST_OF_E2GUARDIAN)):
            ratio = cost / rows[peer]["cpu_ms"]
            met = met and (ratio <= most or cost > ours)
            print(f"pages {said}: {ratio:.2f} of {peer} (at most {most})")
    return met


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if lacking := missing():
        print(f"not measured: {', '.join(lacking)} missing")
        return 0
    rows = run(options.seconds, options.rounds)
    sys.path.insert(0, str(BENCH))
    sys.argv = sys.argv[:1]
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        load("http_bench").make_site(folder / "www")
        page = (folder / "www" / "page.html").read_bytes()
    finally:
        shutil.rmtree(folder)
    return 0 if report(rows, cost_of_a_new_page(page)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
