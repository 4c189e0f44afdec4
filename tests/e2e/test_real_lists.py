# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on real lists, UT1's tree among them, subscribed over a local web server (`make accuracy` in short)."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accuracy.real_lists import LISTS, OURS, SHARED, Row, judge, read_rows, run, write_config

pytestmark = [
    pytest.mark.xdist_group("real-lists"),
    pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not beside the project"),
]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("real") / "filterd.toml"
    handler = functools.partial(_Quiet, directory=str(SHARED / "lists"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        write_config(path, port=server.server_address[1], lists=LISTS)
        done = run("lists", "update", "--quiet", "--config", str(path))
        assert (done.returncode, done.stderr) == (0, "")
        yield path
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spelled(at: int, host: str) -> str:
    """Return *host* as one of the ways to write a name below it or itself."""
    return (host, f"{host.upper()}.", f"www.{host.title()}", f"a.b.{host}")[at % 4]


def test_twenty_thousand_names_are_blocked_in_their_category_however_they_are_spelled(config: Path) -> None:
    rows = [row for row in read_rows("labeled.tsv.zst") if row.columns["category"] in OURS][::4]
    told = judge(config, [spelled(at, row.host) for at, row in enumerate(rows)])
    right: set[str] = {
        row.host
        for row, answer in zip(rows, told, strict=True)
        if answer["action"] == "block" and set(map(str, _list(answer["categories"]))) & OURS[row.columns["category"]]
    }

    assert len(right) >= 20_000


@pytest.mark.parametrize("name", ["overblock_gold.tsv", "paraguay_hand_allow.tsv", "scunthorpe_hosts.tsv"])
def test_what_public_lists_block_wrongly_stays_open(config: Path, name: str) -> None:
    rows = [row for row in read_rows(name) if not _is_proxy(row)]
    wrong = [a["input"] for a in judge(config, [row.host for row in rows]) if a["action"] == "block"]

    assert len(rows) > 20
    assert wrong == []


def test_the_status_says_what_was_left_out_and_why(config: Path) -> None:
    told = {
        entry["id"]: entry for entry in json.loads(run("lists", "status", "--json", "--config", str(config)).stdout)
    }

    assert len(told) == len(LISTS)
    assert all(entry["state"] == "ok" and entry["entries"] for entry in told.values())
    assert told["ut1-layout"]["dropped"]
    assert all(entry["examples"][reason] for entry in told.values() for reason in entry["dropped"])


def _is_proxy(row: Row) -> bool:
    return row.columns.get("embedded") == "proxy"


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
