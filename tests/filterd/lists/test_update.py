# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions against a real server that serves, errs, cuts and changes its mind."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard

from filterd.lists.evidence import JudgeContext
from filterd.lists.fetch import Downloader, Fetched, OnBytes, Unchanged, Validators
from filterd.lists.model import ListError, Outcome, State, Subscription, UpdateResult
from filterd.lists.sources import load_sources
from filterd.lists.store import Store
from filterd.lists.update import Updater
from filterd.lists.words import parse_words
from filterd.policy.model import GUARD_SITE
from filterd.policy.rules import Format
from tests.filterd.lists.support import CATEGORIES, CONTEXT, NOW, SHARED, Page, Recorder, Site, names, tar_gz, updater

TREE = {
    "blacklists/adult/domains": "bad.example.com\n",
    "blacklists/gambling/domains": "casino.example.com\n",
    "blacklists/sexual_education/domains": "harmless.example.com\n",
}


def subscribe(url: str, list_id: str = "one", category: str = "gambling") -> Subscription:
    return Subscription(list_id, category, url)


def update(up: Updater, *subscriptions: Subscription, accept_shrunk: bool = False) -> list[UpdateResult]:
    return up.update(subscriptions, accept_shrunk=accept_shrunk)


@pytest.fixture
def up(tmp_path: Path) -> Updater:
    return updater(tmp_path, tries=2)


@pytest.fixture(autouse=True)
def close(up: Updater) -> object:
    yield
    assert isinstance(up.fetcher, Downloader)
    up.fetcher.close()


def domains(up: Updater, list_id: str = "one") -> list[str]:
    return [rule.domain for found in up.store.lists([list_id]) for rule in found.rules]


def test_a_list_comes_and_is_kept(site: Site, up: Updater) -> None:
    url = site.put("/list", "bad.example.com\n", etag='"1"')

    (result,) = update(up, subscribe(url))

    assert (result.outcome, result.error) == (Outcome.UPDATED, "")
    assert (result.meta.state, result.meta.fetched, result.meta.etag) == (State.OK, NOW, '"1"')
    assert domains(up) == ["bad.example.com"]
    assert list(up.store.downloads.iterdir()) == []


def test_a_list_that_is_the_same_is_not_fetched_again(site: Site, up: Updater) -> None:
    url = site.put("/list", "bad.example.com\n", etag='"1"')
    update(up, subscribe(url))

    (result,) = update(up, subscribe(url))

    assert (result.outcome, result.meta.state) == (Outcome.UNCHANGED, State.OK)
    assert domains(up) == ["bad.example.com"]


@pytest.mark.parametrize("change", ["context", "category", "file lost"])
def test_a_list_is_judged_anew_when_what_it_is_judged_by_changes(site: Site, up: Updater, change: str) -> None:
    url = site.put("/list", "bad.example.com\n", etag='"1"')
    update(up, subscribe(url))
    category = "gambling"
    if change == "context":
        up = dataclasses.replace(up, context=dataclasses.replace(CONTEXT, sites=frozenset()))
    elif change == "category":
        category = "drugs"
    else:
        next((up.store.folder / "one").glob("*.zst")).unlink()

    (result,) = update(up, subscribe(url, category=category))

    assert result.outcome is Outcome.UPDATED
    assert domains(up) == ["bad.example.com"]


@pytest.mark.parametrize(
    ("page", "message", "outcome", "state"),
    [
        (Page(b"<!DOCTYPE html><title>Sorry</title>"), "web page", Outcome.REFUSED, State.REFUSED),
        (Page(b""), "empty", Outcome.REFUSED, State.REFUSED),
        (Page(b"bad.example.com\n"), "shrunk", Outcome.REFUSED, State.REFUSED),
        (Page(gzip.compress(names(100).encode())[:-9]), "cut", Outcome.REFUSED, State.REFUSED),
        (Page(names(100).encode(), cut_at=50, cuts=9), "cut", Outcome.FAILED, State.STALE),
        (Page(b"no", status=404), "404", Outcome.FAILED, State.STALE),
        (Page(b"no", status=500), "500", Outcome.FAILED, State.STALE),
    ],
    ids=["html", "empty", "shrunk", "gzip cut", "connection cut", "missing", "error"],
)
def test_what_is_no_good_leaves_the_last_good_copy(
    site: Site, up: Updater, page: Page, message: str, outcome: Outcome, state: State
) -> None:
    url = site.put("/list", names(100), etag='"1"')
    update(up, subscribe(url))
    site.pages["/list"] = page

    (result,) = update(up, subscribe(url))

    assert message in result.error
    assert (result.outcome, result.meta.state, result.meta.failures) == (outcome, state, 1)
    assert (result.meta.fetched, result.meta.last_error) == (NOW, result.error)
    assert len(domains(up)) == 100


def test_failures_are_counted_until_one_goes_well(site: Site, up: Updater) -> None:
    url = site.put("/list", names(100))
    site.pages["/list"].status = 404
    update(up, subscribe(url))
    (second,) = update(up, subscribe(url))
    site.pages["/list"].status = 200
    (third,) = update(up, subscribe(url))

    assert (second.meta.failures, second.meta.fetched) == (2, None)
    assert (third.meta.failures, third.meta.last_error, third.outcome) == (0, "", Outcome.UPDATED)


def test_what_shrank_is_taken_when_the_adult_says_so(site: Site, up: Updater) -> None:
    url = site.put("/list", names(100), etag='"1"')
    update(up, subscribe(url))
    site.put("/list", "bad.example.com\n", etag='"2"')

    (result,) = update(up, subscribe(url), accept_shrunk=True)

    assert (result.outcome, domains(up)) == (Outcome.UPDATED, ["bad.example.com"])


def test_one_bad_list_does_not_stop_the_others(site: Site, up: Updater) -> None:
    good = subscribe(site.put("/good", "bad.example.com\n"), "good")
    bad = subscribe(site.url("/missing"), "bad")

    results = update(up, bad, good)

    assert [(result.id, result.outcome) for result in results] == [("bad", Outcome.FAILED), ("good", Outcome.UPDATED)]


def test_one_address_is_fetched_once_for_all_who_read_it(site: Site, up: Updater) -> None:
    site.pages["/tree"] = Page(tar_gz(TREE), etag='"1"')
    url = site.url("/tree")

    update(up, subscribe(url, "casinos"), subscribe(url, "porn", "pornography"), subscribe(url, "tree", "all"))

    assert len(site.asked) == 1
    assert domains(up, "casinos") == ["casino.example.com"]
    assert domains(up, "porn") == ["bad.example.com"]


def test_a_reader_who_comes_later_gets_what_the_others_have(site: Site, up: Updater) -> None:
    site.pages["/tree"] = Page(tar_gz(TREE), etag='"1"')
    url = site.url("/tree")
    update(up, subscribe(url, "casinos"))

    results = update(up, subscribe(url, "casinos"), subscribe(url, "porn", "pornography"))

    assert [result.outcome for result in results] == [Outcome.UPDATED, Outcome.UPDATED]


def test_a_tree_knows_where_it_comes_from(site: Site, up: Updater) -> None:
    site.pages["/tree"] = Page(tar_gz(TREE))

    (result,) = update(up, subscribe(site.url("/tree"), "ut1", "all"))

    assert {found.id: found.category for found in up.store.lists()} == {
        "ut1-adult": "pornography",
        "ut1-gambling": "gambling",
        "ut1-sexual_education": "never-block-site",
    }
    assert result.meta.count == 3


def test_a_tree_with_a_bad_part_is_updated_and_says_so(site: Site, up: Updater) -> None:
    site.pages["/tree"] = Page(tar_gz(TREE | {"blacklists/gambling/domains": names(100)}), etag='"1"')
    subscription = subscribe(site.url("/tree"), "ut1", "all")
    update(up, subscription)
    site.pages["/tree"] = Page(tar_gz(TREE), etag='"2"')

    (result,) = update(up, subscription)
    (again,) = update(up, subscription)

    assert (result.outcome, result.meta.state) == (Outcome.UPDATED, State.REFUSED)
    assert result.error.startswith("gambling: shrunk")
    assert (again.outcome, again.meta.state, again.error) == (Outcome.UNCHANGED, State.REFUSED, result.error)
    assert [part.count for part in up.store.read_meta("ut1").parts] == [1, 1, 100]  # type: ignore[union-attr]


def test_harmless_names_speak_against_other_lists_whatever_the_order(site: Site, up: Updater) -> None:
    site.pages["/tree"] = Page(tar_gz(TREE))
    careless = subscribe(site.put("/porn", "com\nnet\norg\nharmless.example.com\n" + names(9)), "porn", "pornography")

    results = update(up, careless, subscribe(site.url("/tree"), "ut1", "all"))

    assert results[0].meta.doubtful
    assert "harmless.example.com" not in domains(up, "porn")


def test_a_list_that_cannot_be_stored_keeps_the_old_one_and_says_why(
    site: Site, up: Updater, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = site.put("/list", names(100), etag='"1"')
    update(up, subscribe(url))
    site.put("/list", names(90), etag='"2"')

    def full(_store: Store, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("filterd.lists.codec.RuleWriter._flush", full)
    (result,) = update(up, subscribe(url))

    assert "no space left" in result.error
    assert len(domains(up)) == 100


def test_progress_tells_of_bytes_lines_and_ends(site: Site, up: Updater) -> None:
    url = site.put("/list", names(100))

    update(up, subscribe(url))

    recorder = up.progress
    assert isinstance(recorder, Recorder)
    assert recorder.received[url][0] == recorder.received[url][1]
    assert recorder.judged == {"one": 100}
    assert recorder.outcomes == {"one": Outcome.UPDATED}


def test_several_are_fetched_at_once(site: Site, up: Updater) -> None:
    slow = Page(names(10).encode(), cut_at=5, stall=True)
    site.pages["/slow"] = slow
    quick = [subscribe(site.put(f"/quick{number}", names(10)), f"quick{number}") for number in range(3)]
    # The slow one answers only when the test lets go of it: the others must not wait for that.
    up = dataclasses.replace(up, fetcher=_ReleasingFetcher(up.fetcher, site, len(quick)))

    results = update(up, subscribe(site.url("/slow"), "slow"), *quick)

    assert [result.outcome for result in results] == [Outcome.UPDATED] * 4


class _ReleasingFetcher(Downloader):
    """Lets go of the stalled connection when *others* downloads are done."""

    def __init__(self, real: object, site: Site, others: int) -> None:
        assert isinstance(real, Downloader)
        self._real = real
        self._site = site
        self._left = others

    def fetch(self, url: str, *, known: Validators | None, on_bytes: OnBytes) -> Fetched | Unchanged:
        found = self._real.fetch(url, known=known, on_bytes=on_bytes)
        self._left -= 1
        if self._left == 0:
            self._site.released.set()
        return found


class _Outcomes(Recorder):
    """Lets go of the stalled connection when *others* lists are done."""

    def __init__(self, site: Site, others: int) -> None:
        super().__init__()
        self._site = site
        self._others = others

    def finished(self, subscription: str, outcome: Outcome) -> None:
        super().finished(subscription, outcome)
        if len(self.outcomes) == self._others:
            self._site.released.set()


@pytest.mark.parametrize("known", [False, True], ids=["of its kind", "of harmless names, known from before"])
def test_what_has_come_is_in_use_while_a_slow_server_still_sends(site: Site, up: Updater, *, known: bool) -> None:
    slow = subscribe(site.put("/slow", names(10)), "slow", GUARD_SITE if known else "gambling")
    if known:
        update(up, slow)
    site.pages["/slow"] = Page(names(12).encode(), cut_at=5, stall=True)
    quick = [subscribe(site.put(f"/quick{number}", names(10, "other")), f"quick{number}") for number in range(2)]
    # The slow one goes on only when the quick ones are done: they must not wait for it.
    progress = _Outcomes(site, len(quick))
    up = dataclasses.replace(up, progress=progress)

    results = update(up, slow, *quick)

    assert [result.outcome for result in results] == [Outcome.UPDATED] * 3
    assert list(progress.outcomes)[-1] == "slow"


class _Interrupting(Recorder):
    """Ctrl-C when the first list is done."""

    def finished(self, *_: object) -> None:
        raise KeyboardInterrupt


def test_ctrl_c_does_not_wait_for_a_stalled_download(site: Site, up: Updater) -> None:
    site.pages["/slow"] = Page(names(10).encode(), cut_at=5, stall=True)
    slow, quick = subscribe(site.url("/slow"), "slow"), subscribe(site.put("/quick", names(10)), "quick")
    up = dataclasses.replace(up, progress=_Interrupting())

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        update(up, slow, quick)

    assert time.monotonic() - began < 5  # the server is silent for half a minute
    with up.store.locked():
        assert [path.name for path in up.store.downloads.iterdir() if path.suffix == ".zst"] == []


def test_a_second_update_waits_its_turn(site: Site, up: Updater) -> None:
    with up.store.locked(), pytest.raises(ListError, match="another update is running"):
        update(up, subscribe(site.put("/list", names(3))))


def test_a_file_is_a_list_too(tmp_path: Path, up: Updater) -> None:
    path = tmp_path / "own.txt"
    path.write_text("bad.example.com\n")

    first = update(up, subscribe(path.as_uri()))
    again = update(up, subscribe(path.as_uri()))

    assert [first[0].outcome, again[0].outcome] == [Outcome.UPDATED, Outcome.UNCHANGED]
    assert path.exists()


def test_a_folder_is_a_tree_too(tmp_path: Path, up: Updater) -> None:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    update(up, subscribe((tmp_path / "blacklists").as_uri(), "ut1", "all"))

    assert domains(up, "ut1") == ["harmless.example.com", "bad.example.com", "casino.example.com"]


def shipped_context() -> JudgeContext:
    """Return our own grounds, without the guard entries that name a host of overblock_gold.tsv."""
    words = parse_words((CATEGORIES / "never-block" / "words.txt").read_text(encoding="utf-8").splitlines())
    gold = set(hosts("overblock_gold.tsv"))
    return JudgeContext(
        sites=names_in("never-block/sites/*.txt") - gold,
        platforms=names_in("never-block/platforms/*.txt") - gold,
        hosting_parents=names_in("hosting-parents.txt"),
        memberships={name: frozenset({"social"}) for name in names_in("social/domains.txt")},
        words=words,
    )


def names_in(pattern: str) -> frozenset[str]:
    lines = [line for path in CATEGORIES.glob(pattern) for line in path.read_text(encoding="utf-8").splitlines()]
    return frozenset(name for line in lines if (name := line.partition("#")[0].strip()))


needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The lists of ../shared/data, taken in without a guard list."""
    folder = tmp_path_factory.mktemp("real")
    chosen = {
        "ut1_layout.tar.zst": "all",
        "porn_2.27M_perf.txt.zst": "pornography",
        "porn-other__4skinSkywalker-HOSTS.txt.zst": "pornography",
    }
    subscriptions = [
        Subscription(f"list-{number}", category, (SHARED / "lists" / name).as_uri())
        for number, (name, category) in enumerate(chosen.items())
    ]
    store = Store(folder / "lists")
    with Downloader(store.downloads) as downloader:
        up = Updater(store, shipped_context(), downloader, load_sources(CATEGORIES / "sources.toml"), lambda: NOW)
        assert {result.outcome for result in up.update(subscriptions)} == {Outcome.UPDATED}
    return store


def hosts(name: str) -> list[str]:
    return [line.split("\t")[0] for line in (SHARED / "domains" / name).read_text().splitlines()[1:]]


def blocked(store: Store, asked: list[str]) -> set[str]:
    """Return which names are blocked: where no list of harmless sites is as specific as the list that says so."""
    parents = {host: [host.split(".", at)[-1] for at in range(host.count(".") + 1)] for host in asked}
    wanted = {parent for chain in parents.values() for parent in chain}
    listed: set[str] = set()
    harmless: set[str] = set()
    for found in store.lists():
        if found.category not in {"social", "games", "video", "chat"}:
            names = {rule.domain for rule in found.rules if rule.domain in wanted and rule.path is None}
            (harmless if found.category == GUARD_SITE else listed).update(names)
    first = {host: next((name for name in chain if name in listed | harmless), "") for host, chain in parents.items()}
    return {host for host, name in first.items() if name and name not in harmless}


@pytest.mark.serial
@needs_shared_data
def test_real_over_blocks_stay_open_without_a_word_of_the_guard_on_them(real: Store) -> None:
    gold = hosts("overblock_gold.tsv")

    assert len(blocked(real, gold)) <= len(gold) // 10


@pytest.mark.serial
@needs_shared_data
@pytest.mark.parametrize("name", ["paraguay_hand_allow.tsv", "scunthorpe_hosts.tsv"])
def test_hosts_that_must_stay_open_are_on_no_list(real: Store, name: str) -> None:
    assert {host for host in blocked(real, hosts(name)) if "proxy" not in host} == set()


@pytest.mark.serial
@needs_shared_data
def test_a_list_that_is_bad_on_purpose_still_blocks_what_it_is_for(real: Store) -> None:
    packed = (SHARED / "lists" / "porn_2.27M_perf.txt.zst").read_bytes()
    listed = zstandard.ZstdDecompressor().decompressobj().decompress(packed).decode().split()
    kept = next(found for found in real.lists() if found.id == "list-1")

    meta = real.read_meta("list-1")
    assert meta is not None
    assert meta.doubtful
    assert sum(1 for _ in kept.rules) > len(listed) * 0.999


@pytest.mark.serial
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
@needs_shared_data
def test_two_million_names_are_taken_in_within_300_megabytes_and_20_seconds(tmp_path: Path) -> None:
    url = (SHARED / "lists" / "porn_2.27M_perf.txt.zst").as_uri()
    script = f"""
import time
from datetime import UTC, datetime
from pathlib import Path
from filterd.lists.evidence import JudgeContext
from filterd.lists.fetch import Downloader, Fetched, OnBytes, Unchanged, Validators
from filterd.lists.model import Subscription
from filterd.lists.sources import Sources
from filterd.lists.store import Store
from filterd.lists.update import Updater
from filterd.lists.words import parse_words
words = parse_words(Path({str(CATEGORIES / "never-block" / "words.txt")!r}).read_text().splitlines())
store = Store(Path({str(tmp_path)!r}))
context = JudgeContext(sites={{"gov", "edu"}}, words=words)
up = Updater(store, context, Downloader(store.downloads), Sources(), lambda: datetime.now(UTC))
(result,) = up.update([Subscription("one", "pornography", {url!r})])
assert result.meta.count > 2_000_000, result
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1024, time.process_time())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    megabytes, seconds = map(float, done.stdout.split())

    assert megabytes < 300
    assert seconds < 20


def test_formats_are_subscribed_as_said(site: Site, up: Updater) -> None:
    url = site.put("/zone", "$TTL 60\n@ SOA a. b. 1 2 3 4 5\nbad.example.com CNAME .\n")

    (result,) = up.update([Subscription("one", "gambling", url, Format.RPZ)])

    assert (result.outcome, domains(up)) == (Outcome.UPDATED, ["bad.example.com"])
