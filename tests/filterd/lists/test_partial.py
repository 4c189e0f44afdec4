# SPDX-License-Identifier: GPL-3.0-or-later
"""Half a download and the right rest."""

from __future__ import annotations

from pathlib import Path

from filterd.lists.partial import Partial

URL = "https://lists.example/a"


def begin(tmp_path: Path, etag: str = '"1"', modified: str = "") -> Partial:
    partial = Partial.of(URL, tmp_path / "downloads")
    with partial.open(etag, modified, resume=False) as file:
        file.write(b"half")
    return partial


def test_the_rest_is_asked_of_the_same_version_only(tmp_path: Path) -> None:
    assert begin(tmp_path).range_headers() == {"Range": "bytes=4-", "If-Range": '"1"'}


def test_a_date_names_a_version_where_there_is_no_tag(tmp_path: Path) -> None:
    modified = "Sat, 21 Nov 2026 10:00:00 GMT"

    assert begin(tmp_path, "", modified).range_headers()["If-Range"] == modified


def test_a_weak_tag_does_not_name_bytes(tmp_path: Path) -> None:
    assert begin(tmp_path, 'W/"1"').range_headers() == {}


def test_nothing_is_resumed_without_a_note_of_the_version(tmp_path: Path) -> None:
    partial = begin(tmp_path)
    partial.path.with_suffix(".json").write_text("[")

    assert partial.range_headers() == {}


def test_the_rest_goes_to_the_end(tmp_path: Path) -> None:
    partial = begin(tmp_path)
    with partial.open('"1"', "", resume=True) as file:
        file.write(b" and half")

    assert partial.take().read_bytes() == b"half and half"
    assert partial.size == 0


def test_each_address_has_a_place_of_its_own(tmp_path: Path) -> None:
    assert Partial.of(URL, tmp_path) != Partial.of(URL + "b", tmp_path)


def test_what_is_discarded_is_gone(tmp_path: Path) -> None:
    partial = begin(tmp_path)

    partial.discard()
    partial.discard()

    assert list((tmp_path / "downloads").iterdir()) == []
