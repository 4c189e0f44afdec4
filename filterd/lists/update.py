# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions brought up to date: fetched side by side, judged one after the other as they come."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import datetime
from pathlib import Path

from filterd.lists.evidence import JudgeContext
from filterd.lists.fetch import Fetched, Fetcher, Unchanged, Validators
from filterd.lists.intake import Intake
from filterd.lists.model import (
    ALL_CATEGORIES,
    ListError,
    Meta,
    Outcome,
    Part,
    Progress,
    Silent,
    State,
    Subscription,
    UpdateResult,
)
from filterd.lists.sources import Sources
from filterd.lists.store import Store
from filterd.policy.model import GUARD_SITE

_AT_ONCE = 4
_LAST = 2
_Fetch = Fetched | Unchanged | ListError


@dataclasses.dataclass(frozen=True, slots=True)
class Updater:
    """What updates need: where lists are kept, what they are judged by, how they come."""

    store: Store
    context: JudgeContext
    fetcher: Fetcher
    sources: Sources
    clock: Callable[[], datetime]
    progress: Progress = dataclasses.field(default_factory=Silent)

    def update(self, subscriptions: Iterable[Subscription], *, accept_shrunk: bool = False) -> list[UpdateResult]:
        """Bring *subscriptions* up to date; one that fails keeps its last good copy and does not stop the others.

        Raises:
            ListError: the store cannot be used, or another update is running.
        """
        wanted = list(subscriptions)
        with self.store.locked():
            digest = self.context.digest()
            waiting = sorted(wanted, key=_turn)
            results: dict[str, UpdateResult] = {}
            fetched: dict[str, _Fetch] = {}
            try:
                with contextlib.closing(self._fetch_all(wanted, "" if accept_shrunk else digest)) as fetching:
                    for url, came in fetching:
                        fetched[url] = came
                        for ready in self._ready(waiting, fetched):
                            waiting.remove(ready)
                            results[ready.id] = self._settle(
                                ready, fetched[ready.url], digest=digest, accept_shrunk=accept_shrunk
                            )
            finally:
                for came in fetched.values():
                    _discard(came)
        return [results[s.id] for s in wanted]

    def _ready(self, waiting: Iterable[Subscription], fetched: Mapping[str, _Fetch]) -> list[Subscription]:
        """Return those of *waiting*, in their turn, that have come and need not wait for what bears on them.

        A list with a copy from before is not waited for: that speaks for it, and one slow server delays nobody.
        """
        awaited = [s for s in waiting if s.url not in fetched and self.store.read_meta(s.id) is None]
        first = min(map(_turn, awaited), default=_LAST)
        return [s for s in waiting if s.url in fetched and _turn(s) <= first]

    def _fetch_all(self, wanted: Sequence[Subscription], digest: str) -> Generator[tuple[str, _Fetch]]:
        """Yield each address with what came of it, as it comes; whoever stops listening stops the rest."""
        by_url: dict[str, list[Subscription]] = {}
        for subscription in wanted:
            by_url.setdefault(subscription.url, []).append(subscription)
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lists")
        jobs: dict[Future[_Fetch], str] = {}
        try:
            for url, readers in by_url.items():
                jobs[pool.submit(self._fetch, url, self._known(readers, digest))] = url
            for job in as_completed(list(jobs)):
                yield jobs.pop(job), job.result()
        finally:
            if jobs:  # Ctrl-C, or an error: nobody will read what is still on its way
                self.fetcher.stop()
            pool.shutdown(cancel_futures=True)
            for job in jobs:
                if not job.cancelled() and job.exception() is None:
                    _discard(job.result())

    def _fetch(self, url: str, known: Validators | None) -> _Fetch:
        def on_bytes(received: int, total: int | None) -> None:
            self.progress.downloading(url, received, total)

        try:
            return self.fetcher.fetch(url, known=known, on_bytes=on_bytes)
        except ListError as error:
            return error

    def _known(self, readers: Iterable[Subscription], digest: str) -> Validators | None:
        """Return which version of one address all its *readers* have; ``None`` where it must come anew."""
        versions = {self._version(reader, digest) for reader in readers}
        return versions.pop() if len(versions) == 1 else None

    def _version(self, subscription: Subscription, digest: str) -> Validators | None:
        meta = self.store.read_meta(subscription.id)
        if meta is None or not _same_choice(meta, subscription) or meta.context != digest:
            return None
        whole = all(_is_whole(self.store.rules(meta.id, part).path, part) for part in meta.parts)
        if not meta.parts or not whole:
            return None
        return Validators(meta.etag, meta.modified) if meta.etag or meta.modified else None

    def _settle(self, subscription: Subscription, came: _Fetch, *, digest: str, accept_shrunk: bool) -> UpdateResult:
        before = self.store.read_meta(subscription.id)
        previous = before if before and _same_choice(before, subscription) else None
        try:
            result = self._take(subscription, came, previous=previous, digest=digest, accept_shrunk=accept_shrunk)
        except ListError as error:
            outcome = Outcome.FAILED if came is error else Outcome.REFUSED
            result = self._note_failure(subscription, outcome, error=str(error), before=before)
        self.progress.finished(subscription.id, result.outcome)
        return result

    def _take(
        self, subscription: Subscription, came: _Fetch, *, previous: Meta | None, digest: str, accept_shrunk: bool
    ) -> UpdateResult:
        if isinstance(came, ListError):
            raise came
        if isinstance(came, Unchanged):
            if previous is None:
                raise ListError("the server has nothing newer than what we do not have")
            meta = self._standing(previous)
            self.store.write_meta(meta)
            return UpdateResult(subscription.id, Outcome.UNCHANGED, meta, meta.last_error)
        intake = self._intake(subscription, accept_shrunk=accept_shrunk)
        taken = intake.take(
            subscription,
            came.path,
            previous=previous,
            benign=self.store.benign_names(without=[subscription.id]),
        )
        copy = dataclasses.replace(
            _new_meta(subscription),
            licence=self._licence(subscription),
            fetched=intake.now,
            etag=came.validators.etag,
            modified=came.validators.modified,
            context=digest,
            doubtful=taken.doubtful,
            parts=tuple(self._measured(subscription.id, part) for part in taken.parts),
        )
        meta = self._standing(copy, taken.error)
        try:
            self.store.write_meta(meta)
        except ListError:
            self.store.discard(subscription.id, taken.new_files)
            raise
        return UpdateResult(subscription.id, Outcome.UPDATED, meta, meta.last_error)

    def _licence(self, subscription: Subscription) -> str:
        source = self.sources.by_url(subscription.url)
        return source.licence if source else ""

    def _standing(self, meta: Meta, error: str = "") -> Meta:
        """Return *meta* after a try that went well, as far as its parts did."""
        error = next((f"{part.name}: {part.error}" for part in meta.parts if part.error), error)
        state = State.REFUSED if error else State.OK
        return dataclasses.replace(meta, state=state, checked=self.clock(), failures=0, last_error=error)

    def _intake(self, subscription: Subscription, *, accept_shrunk: bool) -> Intake:
        read = 0

        def on_lines(lines: int) -> None:
            nonlocal read
            read += lines
            self.progress.judging(subscription.id, read)

        tree_parts = self.sources.tree_parts(subscription.url)
        return Intake(self.store, self.context, tree_parts, self.clock(), on_lines, accept_shrunk)

    def _measured(self, list_id: str, part: Part) -> Part:
        """Return *part* with its file's size, by which a cut one will be known."""
        return dataclasses.replace(part, size=self.store.rules(list_id, part).path.stat().st_size)

    def _note_failure(
        self, subscription: Subscription, outcome: Outcome, *, error: str, before: Meta | None
    ) -> UpdateResult:
        known = before or _new_meta(subscription)
        if not _same_choice(known, subscription):
            # Another address was chosen and gave nothing yet: what came from the old one stays in force.
            known = dataclasses.replace(_new_meta(subscription), fetched=known.fetched, parts=known.parts)
        state = State.REFUSED if outcome is Outcome.REFUSED else State.STALE
        meta = dataclasses.replace(
            known, state=state, checked=self.clock(), failures=known.failures + 1, last_error=error
        )
        try:
            self.store.write_meta(meta)
        except ListError as full:  # a full disk must not hide what went wrong first
            error = f"{error}; {full}" if str(full) not in error else error
        return UpdateResult(subscription.id, outcome, meta, error)


def _turn(subscription: Subscription) -> int:
    """Return when *subscription* is judged: what is benign first, as it bears on the others; a tree brings some."""
    return {GUARD_SITE: 0, ALL_CATEGORIES: 1}.get(subscription.category, _LAST)


def _discard(came: _Fetch) -> None:
    if isinstance(came, Fetched):
        came.discard()


def _new_meta(subscription: Subscription) -> Meta:
    return Meta(subscription.id, subscription.url, subscription.category, subscription.format)


def _same_choice(meta: Meta, subscription: Subscription) -> bool:
    return (meta.url, meta.category, meta.format) == (subscription.url, subscription.category, subscription.format)


def _is_whole(path: Path, part: Part) -> bool:
    try:
        return path.stat().st_size == part.size
    except OSError:
        return False
