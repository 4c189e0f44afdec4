# SPDX-License-Identifier: GPL-3.0-or-later
"""The last good copies survive whatever happens to the next."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import pytest

from filterd.lists.codec import RuleWriter
from filterd.lists.model import Dropped, ListError, Meta, Part, SkippedLines, State
from filterd.lists.store import META, Store
from filterd.policy.model import GUARD_SITE, Rule
from filterd.policy.rules import Format
from tests.filterd.lists.support import NOW


def keep(store: Store, list_id: str, *domains: str, category: str = "gambling", part: str = "") -> Meta:
    with store.new_file(list_id, part) as (file, writer):
        writer.write(Rule(domain) for domain in domains)
    meta = Meta(
        list_id,
        "https://lists.example/",
        category,
        fetched=NOW,
        state=State.OK,
        parts=(Part(part, category, file, writer.count, updated=NOW),),
    )
    store.write_meta(meta)
    return meta


def domains(store: Store, *ids: str) -> dict[str, list[str]]:
    return {found.id: [rule.domain for rule in found.rules] for found in store.lists(ids or None)}


def test_what_is_known_of_a_list_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    meta = dataclasses.replace(
        keep(store, "casinos", "bad.example"),
        format=Format.HOSTS,
        last_error="cut",
        parts=(
            Part(
                "",
                "gambling",
                "file",
                3,
                dropped={"guard-site": Dropped(2, ["unicef.org"])},
                skipped={"invalid": SkippedLines(1, 7, "what?")},
            ),
        ),
    )

    store.write_meta(meta)

    assert store.read_meta("casinos") == meta


def test_rules_come_back_as_lists_with_their_origin(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, "casinos", "bad.example", "worse.example")
    keep(store, "ut1", "ugly.example", category="pornography", part="adult")

    found = {rule_list.id: rule_list for rule_list in store.lists()}

    assert domains(store) == {"casinos": ["bad.example", "worse.example"], "ut1-adult": ["ugly.example"]}
    assert (found["ut1-adult"].category, found["ut1-adult"].source) == ("pornography", "https://lists.example/")
    assert found["ut1-adult"].date == NOW


def test_only_the_lists_asked_for_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, "one", "a.example")
    keep(store, "two", "b.example")

    assert domains(store, "two", "unknown") == {"two": ["b.example"]}


def test_a_new_copy_replaces_the_old_one_and_its_file_goes_later(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = keep(store, "casinos", "old.example")
    reader = store.lists()[0]
    keep(store, "casinos", "new.example")

    assert [rule.domain for rule in reader.rules] == ["old.example"]
    assert domains(store) == {"casinos": ["new.example"]}
    keep(store, "casinos", "newest.example")
    assert not (tmp_path / "casinos" / first.parts[0].file).exists()


def test_a_file_that_no_meta_came_to_name_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.new_file("casinos", "") as (_, writer):
        writer.write([Rule("lost.example")])
    keep(store, "casinos", "bad.example")

    assert len(list((tmp_path / "casinos").iterdir())) == 2


def test_a_list_whose_record_cannot_be_read_does_not_vanish_in_silence(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, "casinos", "casino.example")
    (tmp_path / "casinos" / META).write_text("{")

    assert store.read_meta("casinos") is None
    with pytest.raises(ListError, match=r"casinos/meta\.json: cannot be read; `filterd lists update casinos`"):
        store.lists(["casinos"])


def test_nothing_is_known_of_a_list_that_never_came(tmp_path: Path) -> None:
    assert Store(tmp_path / "nowhere").read_meta("casinos") is None
    assert Store(tmp_path / "nowhere").lists() == []


@pytest.mark.parametrize("list_id", ["", "../out", "a/b", ".hidden", "Ñandu", "x" * 65])
def test_an_id_that_could_lead_elsewhere_is_refused(tmp_path: Path, list_id: str) -> None:
    with pytest.raises(ListError, match="is no name for a list"):
        Store(tmp_path).read_meta(list_id)


def test_a_list_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, "casinos", "bad.example")

    assert store.remove("casinos")
    assert not store.remove("casinos")
    assert list(tmp_path.iterdir()) == []


def test_benign_names_are_those_of_lists_that_guard(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, "casinos", "bad.example")
    keep(store, "schools", "good.example", category=GUARD_SITE)
    keep(store, "press", "news.example", category=GUARD_SITE)

    assert set(store.benign_names()) == {"good.example", "news.example"}
    assert set(store.benign_names(without=["press"])) == {"good.example"}


def test_two_updates_do_not_run_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "lists")

    with store.locked(), pytest.raises(ListError, match="another update is running"), store.locked():
        pass
    with store.locked():
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    store = Store(tmp_path)
    keep(store, "casinos", "bad.example")
    before = sorted((tmp_path / "casinos").iterdir())

    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(RuleWriter, "_flush", full)
    with pytest.raises(ListError, match="no space left"):
        keep(store, "casinos", "new.example")

    assert sorted((tmp_path / "casinos").iterdir()) == before
    assert domains(store) == {"casinos": ["bad.example"]}


def test_a_disk_that_is_full_at_the_last_moment_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    meta = keep(store, "casinos", "bad.example")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ListError, match="no space left"):
        store.write_meta(dataclasses.replace(meta, last_error="later"))

    assert store.read_meta("casinos") == meta
    assert len(list((tmp_path / "casinos").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "lists").write_text("a file is in the way")

    with pytest.raises(ListError, match=f"{tmp_path}/lists.* cannot be written"):
        keep(Store(tmp_path / "lists"), "casinos", "bad.example")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_really_full_device_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"), RuleWriter(path) as writer:
        writer.write(Rule(f"n{number}.example") for number in range(500_000))

    assert not path.is_symlink()


def test_what_is_kept_may_be_read_from_any_account(tmp_path: Path) -> None:
    keep(Store(tmp_path), "a", "casino.example")

    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "a").iterdir()} == {0o644}
