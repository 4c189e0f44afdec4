# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from a real server that does what servers do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from filterd.lists.fetch import Fetched, Unchanged, Validators
from filterd.lists.model import ListError
from tests.filterd.lists.support import FastDownloader, Page, Site


def nothing(_received: int, _total: int | None) -> None:
    pass


def get(site: Site, path: str, tmp_path: Path, known: Validators | None = None, **limits: float) -> Fetched | Unchanged:
    with FastDownloader(tmp_path, **limits) as downloader:
        return downloader.fetch(site.url(path), known=known, on_bytes=nothing)


def content(fetched: Fetched | Unchanged) -> bytes:
    assert isinstance(fetched, Fetched)
    return fetched.path.read_bytes()


def test_a_list_comes_with_its_validators(site: Site, tmp_path: Path) -> None:
    site.put("/list", "bad.example\n", etag='"1"', modified="Sat, 21 Nov 2026 10:00:00 GMT")

    fetched = get(site, "/list", tmp_path)

    assert content(fetched) == b"bad.example\n"
    assert isinstance(fetched, Fetched)
    assert fetched.validators == Validators('"1"', "Sat, 21 Nov 2026 10:00:00 GMT")


def test_what_has_not_changed_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    site.put("/list", "bad.example\n", etag='"1"')

    assert get(site, "/list", tmp_path, Validators('"1"')) == Unchanged()


def test_the_server_is_told_who_asks_and_since_when(site: Site, tmp_path: Path) -> None:
    site.put("/list", "bad.example\n", modified="Sat, 21 Nov 2026 10:00:00 GMT")

    get(site, "/list", tmp_path, Validators("", "Fri, 20 Nov 2026 10:00:00 GMT"))

    _, headers = site.asked[0]
    assert headers["User-Agent"].startswith("filterd/")
    assert headers["If-Modified-Since"] == "Fri, 20 Nov 2026 10:00:00 GMT"


def test_a_download_that_breaks_off_is_resumed_where_it_was(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(b"0123456789" * 1000, etag='"1"', cut_at=4_000)

    assert content(get(site, "/list", tmp_path)) == b"0123456789" * 1000
    assert site.asked[1][1]["Range"] == "bytes=4000-"
    assert site.asked[1][1]["If-Range"] == '"1"'


def test_a_download_is_resumed_by_the_next_run_too(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = page = Page(b"0123456789" * 1000, etag='"1"', cut_at=4_000)
    with pytest.raises(ListError, match="cut"):
        get(site, "/list", tmp_path, tries=1)
    page.cut_at = None

    assert content(get(site, "/list", tmp_path)) == b"0123456789" * 1000
    assert site.asked[-1][1]["Range"] == "bytes=4000-"


def test_a_download_starts_anew_when_the_list_has_changed_meanwhile(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(b"old " * 1000, etag='"1"', cut_at=400)
    with pytest.raises(ListError, match="cut"):
        get(site, "/list", tmp_path, tries=1)
    site.pages["/list"] = Page(b"new " * 1000, etag='"2"')

    assert content(get(site, "/list", tmp_path)) == b"new " * 1000


@pytest.mark.parametrize(
    "page",
    [
        Page(b"0123456789" * 100, etag='"1"', cut_at=400, ranges=False),
        Page(b"0123456789" * 100, etag='W/"1"', cut_at=400),
        Page(b"0123456789" * 100, cut_at=400),
        Page(b"0123456789" * 100, etag='"1"', cut_at=400, wrong_range=True),
    ],
    ids=["no ranges", "weak tag", "no validator", "wrong range"],
)
def test_a_download_that_cannot_be_resumed_starts_anew(site: Site, tmp_path: Path, page: Page) -> None:
    site.pages["/list"] = page

    assert content(get(site, "/list", tmp_path)) == b"0123456789" * 100


def test_a_download_that_breaks_off_every_time_is_given_up_and_kept(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(b"0123456789" * 100, etag='"1"', cut_at=10, cuts=99)

    with FastDownloader(tmp_path) as downloader, pytest.raises(ListError, match="cut: the connection broke off"):
        downloader.fetch(site.url("/list"), known=None, on_bytes=nothing)

    assert downloader.pauses == [2, 4, 8]
    assert [path.stat().st_size for path in tmp_path.glob("*.part")] == [40]


def test_a_server_that_says_nothing_more_is_not_waited_for(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(b"0123456789" * 100, cut_at=10, stall=True, cuts=99)

    with pytest.raises(ListError, match="in time"):
        get(site, "/list", tmp_path, read_s=0.2, tries=1)


def test_a_download_that_drips_ends_at_the_deadline(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(b"0123456789" * 100)

    with pytest.raises(ListError, match="not complete after"):
        get(site, "/list", tmp_path, total_s=-1)


def test_what_is_too_large_is_refused_before_it_comes(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(b"x" * 10_000)

    with pytest.raises(ListError, match="larger than"):
        get(site, "/list", tmp_path, size=9_999)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_by_the_server_is_final(site: Site, tmp_path: Path, status: int) -> None:
    site.pages["/list"] = Page(b"no", status=status)

    with pytest.raises(ListError, match=str(status)):
        get(site, "/list", tmp_path)

    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_that_passes_is_tried_again(site: Site, tmp_path: Path, status: int) -> None:
    site.pages["/list"] = Page(b"no", status=status)

    with pytest.raises(ListError, match=str(status)):
        get(site, "/list", tmp_path)

    assert len(site.asked) == 4


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    site.pages["/old"] = Page(status=302, location="/new")
    site.put("/new", "bad.example\n", etag='"1"')

    assert content(get(site, "/old", tmp_path)) == b"bad.example\n"


def test_a_circle_of_redirects_ends(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(status=302, location="/list")

    with pytest.raises(ListError, match="sent on more than 5 times"):
        get(site, "/list", tmp_path)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://lists.example/", ""])
def test_a_redirect_stays_on_the_web(site: Site, tmp_path: Path, location: str) -> None:
    site.pages["/list"] = Page(status=302, location=location)

    with pytest.raises(ListError, match="sent on"):
        get(site, "/list", tmp_path)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/list"

        with FastDownloader(tmp_path) as downloader, pytest.raises(ListError, match=f"{url}: no connection"):
            downloader.fetch(url, known=None, on_bytes=nothing)


@pytest.mark.parametrize("url", ["ftp://lists.example/", "lists.example/list", "file://elsewhere/list", "http://[::"])
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with FastDownloader(tmp_path) as downloader, pytest.raises(ListError):
        downloader.fetch(url, known=None, on_bytes=nothing)


def test_progress_is_told(site: Site, tmp_path: Path) -> None:
    site.pages["/list"] = Page(b"x" * 100_000)
    told: list[tuple[int, int | None]] = []

    with FastDownloader(tmp_path) as downloader:
        downloader.fetch(site.url("/list"), known=None, on_bytes=lambda received, total: told.append((received, total)))

    assert told[0] == (0, 100_000)
    assert told[-1] == (100_000, 100_000)


def test_a_file_is_read_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ñandu list.txt"
    path.write_text("bad.example\n", encoding="utf-8")

    with FastDownloader(tmp_path) as downloader:
        fetched = downloader.fetch(path.as_uri(), known=None, on_bytes=nothing)

    assert isinstance(fetched, Fetched)
    fetched.discard()
    assert path.read_text(encoding="utf-8") == "bad.example\n"


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("bad.example\n", encoding="utf-8")
    with FastDownloader(tmp_path) as downloader:
        first = downloader.fetch(path.as_uri(), known=None, on_bytes=nothing)
        assert isinstance(first, Fetched)
        again = downloader.fetch(path.as_uri(), known=first.validators, on_bytes=nothing)
        os.utime(path, ns=(1, 1))
        touched = downloader.fetch(path.as_uri(), known=first.validators, on_bytes=nothing)

    assert again == Unchanged()
    assert isinstance(touched, Fetched)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with FastDownloader(tmp_path) as downloader, pytest.raises(ListError, match=r"nowhere\.txt: cannot be read"):
        downloader.fetch((tmp_path / "nowhere.txt").as_uri(), known=None, on_bytes=nothing)


def test_what_came_is_removed_when_it_is_done_with(site: Site, tmp_path: Path) -> None:
    site.put("/list", "bad.example\n")
    fetched = get(site, "/list", tmp_path)

    assert isinstance(fetched, Fetched)
    fetched.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_downgrade_from_https_is_refused() -> None:
    from filterd.lists import fetch

    with pytest.raises(ListError, match="from https to http"):
        fetch._redirected("https://lists.example/a", "http://lists.example/a")
