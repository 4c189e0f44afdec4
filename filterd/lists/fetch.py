# SPDX-License-Identifier: GPL-3.0-or-later
"""A list from its address: only what is new, resumed where it broke off, within limits."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

import httpx

from filterd import __version__
from filterd.lists.connections import Connections
from filterd.lists.model import ListError
from filterd.lists.partial import Partial

MIB = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server calls the version it sent (RFC 9110 §8.8); empty where it does not say."""

    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A list that came: *path* holds it as it was sent, packed or not."""

    path: Path
    validators: Validators
    borrowed: bool = False  # the file is somebody's own: not ours to remove

    def discard(self) -> None:
        """Remove the file, if it is ours."""
        if not self.borrowed:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The server has nothing newer."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long and how much."""

    size: int = 256 * MIB  # as sent
    connect_s: float = 10
    read_s: float = 30  # between two pieces
    total_s: float = 1_800
    tries: int = 4
    pause_s: float = 2  # before the second try; doubled before each further one
    redirects: int = 5


OnBytes = Callable[[int, int | None], None]


class Fetcher(Protocol):
    """What an update needs of a fetcher. Called from several threads at once."""

    def fetch(self, url: str, *, known: Validators | None, on_bytes: OnBytes) -> Fetched | Unchanged:
        """Return what is at *url*, or that it is what *known* names; *on_bytes* is told how much has come.

        Raises:
            ListError: it could not be had.
        """

    def stop(self) -> None:
        """End the fetches that are under way, for good; they raise."""


class Downloader:
    """Fetches ``https:``, ``http:`` and ``file:`` addresses; unfinished downloads wait in *partials*."""

    def __init__(
        self,
        partials: Path,
        *,
        limits: FetchLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._partials = partials
        self._limits = limits or FetchLimits()
        self._clock = clock
        self._stopped = threading.Event()
        self._pause = pause or self._stopped.wait
        self._connections = Connections()
        timeout = httpx.Timeout(self._limits.read_s, connect=self._limits.connect_s)
        self._client = httpx.Client(
            timeout=timeout,
            # gzip comes as it is sent and is unpacked with the rest: a length that was promised can be checked
            # and a download resumed.
            headers={"User-Agent": f"filterd/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip"},
        )

    def __enter__(self) -> Self:
        """Return the downloader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def stop(self) -> None:
        """End the downloads that are under way, for good: what they wait for may take half a minute to time out."""
        self._stopped.set()
        self._connections.shut()

    def fetch(self, url: str, *, known: Validators | None, on_bytes: OnBytes) -> Fetched | Unchanged:
        """Return what is at *url*, or that it is what *known* names.

        Raises:
            ListError: it could not be had; what has come stays for the next time, where the server can resume.
        """
        scheme = _scheme(url)
        if scheme == "file":
            return fetch_file(url, known)
        if scheme not in ("https", "http"):
            raise ListError(f"{url}: lists come over https:, http: or file:")
        deadline = self._clock() + self._limits.total_s
        partial = Partial.of(url, self._partials)
        pause_s = self._limits.pause_s
        for last in (False,) * (self._limits.tries - 1) + (True,):
            try:
                return self._try(_Try(url, known, partial, deadline, on_bytes))
            except _PassingError as error:
                if last or self._stopped.is_set() or self._clock() + pause_s > deadline:
                    raise ListError(f"{url}: {error}") from error
            except OSError as error:
                partial.discard()
                raise _disk_error(self._partials, error) from error
            self._pause(pause_s)
            pause_s *= 2
        raise AssertionError

    def _try(self, job: _Try) -> Fetched | Unchanged:
        url = job.url
        for _ in range(self._limits.redirects + 1):
            try:
                extensions = {"trace": self._connections.watch}
                with self._client.stream("GET", url, headers=job.headers(), extensions=extensions) as response:
                    if response.status_code not in _REDIRECTS:
                        return self._take(job, response)
                    url = _redirected(url, response.headers.get("Location", ""))
            except httpx.HTTPError as error:
                raise _PassingError(_describe(error)) from error
            except httpx.InvalidURL as error:
                raise ListError(f"{job.url}: no address ({error})") from error
        raise ListError(f"{job.url}: sent on more than {self._limits.redirects} times")

    def _take(self, job: _Try, response: httpx.Response) -> Fetched | Unchanged:
        status = response.status_code
        if status == 304 and job.known:
            job.partial.discard()
            return Unchanged()
        if status == 416:  # what waited is not a piece of what is there now
            job.partial.discard()
            raise _PassingError("the download could not be resumed")
        if status in _PASSING:
            raise _PassingError(f"the server answers {status} {response.reason_phrase}")
        if status not in (200, 206):
            raise ListError(f"{job.url}: the server answers {status} {response.reason_phrase}")
        validators = Validators(response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))
        start = job.partial.size if status == 206 else 0
        if status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            job.partial.discard()
            raise _PassingError("the server resumes the download in the wrong place")
        self._receive(job, response, validators, start)
        return Fetched(job.partial.take(), validators)

    def _receive(self, job: _Try, response: httpx.Response, validators: Validators, start: int) -> None:
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        self._check_size(job, total or 0)
        received = start
        with job.partial.open(validators.etag, validators.modified, resume=start > 0) as file:
            job.on_bytes(received, total)
            for chunk in response.iter_raw():
                file.write(chunk)
                received += len(chunk)
                self._check_size(job, received)
                job.on_bytes(received, total)
                if self._clock() > job.deadline:
                    raise ListError(f"{job.url}: not complete after {self._limits.total_s / 60:.0f} minutes")

    def _check_size(self, job: _Try, size: int) -> None:
        if size > self._limits.size:
            job.partial.discard()
            raise ListError(f"{job.url}: larger than {self._limits.size // MIB} MiB, which no list is")


@dataclass(frozen=True, slots=True)
class _Try:
    """One download, over all its tries."""

    url: str
    known: Validators | None
    partial: Partial
    deadline: float
    on_bytes: OnBytes

    def headers(self) -> dict[str, str]:
        """Return the request's conditions: not what we have, and the rest of what has come."""
        headers = self.partial.range_headers()
        if self.known and self.known.etag:
            headers["If-None-Match"] = self.known.etag
        if self.known and self.known.modified:
            headers["If-Modified-Since"] = self.known.modified
        return headers


class _PassingError(Exception):
    """What may go better at the next try."""


def fetch_file(url: str, known: Validators | None) -> Fetched | Unchanged:
    """Return the file or folder that *url* names, or that it is the version that *known* names.

    Raises:
        ListError: there is none, or it cannot be read.
    """
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ListError(f"{url}: a file: address names a file of this machine, as in file:///srv/lists/names.txt")
    path = Path(url2pathname(parts.path))
    try:
        files = [path] if not path.is_dir() else [entry for entry in path.rglob("*") if entry.is_file()]
        stats = [entry.stat() for entry in files]
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror})") from error
    newest = max((stat.st_mtime_ns for stat in stats), default=0)
    validators = Validators(f"{newest}-{sum(stat.st_size for stat in stats)}-{len(stats)}")
    return Unchanged() if validators == known else Fetched(path, validators, borrowed=True)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _redirected(url: str, location: str) -> str:
    if not location:
        raise ListError(f"{url}: sent on without an address")
    target = urljoin(url, location)
    if _scheme(target) not in ("https", "http"):
        raise ListError(f"{url}: sent on to {target}, which is no web address")
    if url.startswith("https:") and not target.startswith("https:"):
        raise ListError(f"{url}: sent on from https to {target}, where anybody on the way could change the list")
    return target


def _describe(error: httpx.HTTPError) -> str:
    match error:
        case httpx.TimeoutException():
            return "the server does not answer in time"
        case httpx.ConnectError():
            return f"no connection ({error})"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return "cut: the connection broke off before the list was complete"
        case _:
            return f"the download failed ({type(error).__name__}: {error})"


def _disk_error(folder: Path, error: OSError) -> ListError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ListError(f"{folder}: no space left for the download; free some space")
    return ListError(f"{folder}: the download cannot be stored ({error.strerror or error})")
