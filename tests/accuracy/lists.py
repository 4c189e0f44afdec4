# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filter finds and what it blocks wrongly, with all real lists of the shared data folder subscribed.

Part of `make accuracy`; prints tables. Exits 1 where fewer than 20 000 labelled names are blocked in their category,
where a wrong block known from public lists is blocked here too, or where over 0.1 % of the harmless names are.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.accuracy.real_lists import (
    BAD_ON_PURPOSE,
    LISTS,
    OURS,
    SHARED,
    judge,
    read_popular,
    read_rows,
    run,
    write_config,
)

WANTED = 20_000
WRONG_AT_MOST = 0.001


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[int]:
    """Serve the files of *folder* on a port of loopback."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measure_found(config: Path) -> int:
    """Print, by label, how many names are blocked in their category; return how many in all."""
    rows = [row for row in read_rows("labeled.tsv.zst") if row.columns["category"] in OURS]
    of: Counter[str] = Counter()
    right: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for row, told in zip(rows, judge(config, [row.host for row in rows]), strict=True):
        label = row.columns["category"]
        of[label] += 1
        if told["action"] == "block":
            categories = told["categories"]
            in_place = isinstance(categories, list) and set(categories) & OURS[label]
            (right if in_place else elsewhere)[label] += 1
    print(f"{'label':18}{'names':>8}{'in their category':>20}{'in another':>12}")
    for label, count in of.most_common():
        print(f"{label:18}{count:8}{right[label]:12} {right[label] / count:6.1%}{elsewhere[label]:12}")
    return right.total()


def measure_wrong(config: Path, name: str) -> tuple[int, int]:
    """Print which names of *name* are blocked; return how many, of how many. Doubtful rows and proxies are left out."""
    rows = [
        row
        for row in read_rows(name)
        if row.columns.get("embedded") != "proxy"
        and len(row.columns.get("listed_in_block_categories", "").split("|")) < 2
    ]
    wrong = [told for told in judge(config, [row.host for row in rows]) if told["action"] == "block"]
    print(f"{name:28}{len(wrong):6} of {len(rows)} blocked")
    for told in wrong[:40]:
        print(f"    {told['host']}: {told['category']}, {told['rule']}, {told['list']}")
    return len(wrong), len(rows)


def main() -> int:
    """Measure, print, judge."""
    if not SHARED.is_dir():
        print("the shared data folder is not beside the project: nothing measured")
        return 0
    with tempfile.TemporaryDirectory() as folder, serve(SHARED / "lists") as port:
        config = Path(folder) / "filterd.toml"
        write_config(config, port=port, lists=LISTS | BAD_ON_PURPOSE)
        updated = run("lists", "update", "--quiet", "--config", str(config))
        if updated.returncode:
            print(updated.stderr)
            return 1
        found = measure_found(config)
        print(f"blocked in their category: {found}\n")
        always_open = [
            measure_wrong(config, f"{name}.tsv")[0]
            for name in ("overblock_gold", "paraguay_hand_allow", "scunthorpe_hosts")
        ]
        wrong, of = measure_wrong(config, "must_allow.tsv.zst")
        popular = [told for told in judge(config, read_popular()) if told["action"] == "block"]
        print("\nblocked among the popular names of 2016 and 2026 (to be looked at: all should be harmful):")
        for told in popular:
            print(f"    {told['input']}: {told['category']}, {told['list']}")
    return 0 if found >= WANTED and not any(always_open) and wrong <= of * WRONG_AT_MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())
