# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was fetched to what is kept: unpacked, parsed, judged and stored in one stream."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from filterd.lists.codec import RuleWriter
from filterd.lists.evidence import JudgeContext, lay_grounds
from filterd.lists.judge import (
    Header,
    check_claims,
    check_count,
    check_readable,
    check_whole,
    is_doubtful,
    parse_list,
)
from filterd.lists.model import ALL_CATEGORIES, ListError, Meta, Part, Subscription, skipped_lines
from filterd.lists.sieve import Sieve
from filterd.lists.store import Store
from filterd.lists.unpack import Member, UnpackLimits, open_members
from filterd.policy.model import GUARD_SITE
from filterd.policy.rules import Format, Skip, Tally

_NAMES, _EXPRESSIONS = ("domains", "urls"), ("expressions", "expression", "very_restrictive_expression")
# What comes with the lists in an archive and is none.
_about = re.compile(
    r"(?:.*/)?(?:(?:README|LICEN[CS]E|COPYING|CHANGELOG|NOTICE)[^/]*|(?:global_)?usage"
    r"|[^/]*\.(?:md|html?|json|pdf|asc|sig|md5|sha\d+))",
    re.IGNORECASE,
).fullmatch
_category = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}").fullmatch  # it becomes part of a file's name
_EVERY = 1 << 16  # lines between two words of progress


@dataclass(frozen=True, slots=True)
class Taken:
    """What was stored; not in use until a meta names it."""

    parts: tuple[Part, ...]
    doubtful: bool
    new_files: tuple[str, ...]
    error: str = ""  # of a part that is no good and has no copy from before


@dataclass(frozen=True, slots=True)
class Intake:
    """What it takes to take a list in."""

    store: Store
    context: JudgeContext
    tree_parts: Mapping[str, str]
    now: datetime
    on_lines: Callable[[int], None] = lambda _lines: None
    accept_shrunk: bool = False
    limits: UnpackLimits = dataclasses.field(default_factory=UnpackLimits)

    def take(self, subscription: Subscription, path: Path, *, previous: Meta | None, benign: Iterable[str]) -> Taken:
        """Store what may be taken of the list in *path*; parts that are no good keep their *previous* copy.

        Raises:
            ListError: none of it is any good.
        """
        plan = self._plan(subscription, path)
        known = set(benign)
        flows: dict[str, _Flow] = {}
        with contextlib.ExitStack() as files:
            # Benign names first: they bear on the rest.
            for guard in (True, False):
                chosen = {part: ours for part, ours in plan.items() if (ours == GUARD_SITE) is guard}
                if chosen:
                    new_flow = self._flows(subscription.id, chosen, benign=known, files=files)
                    self._read(path, chosen, written_in=subscription.format, flows=flows, new_flow=new_flow)
                known.update(name for flow in flows.values() for name in flow.names)
            doubtful = _settle(flows.values())
        return self._choose(subscription, flows, previous=previous, doubtful=doubtful)

    def _flows(
        self, list_id: str, chosen: Mapping[str, str], *, benign: Iterable[str], files: contextlib.ExitStack
    ) -> Callable[[str], _Flow]:
        """Return what opens the flow of a part; its file is closed with *files*."""
        grounds_of = {ours: lay_grounds(self.context, ours, benign) for ours in set(chosen.values())}

        def new_flow(part: str) -> _Flow:
            name, writer = files.enter_context(self.store.new_file(list_id, part))
            return _Flow(part, chosen[part], name, writer, Sieve(grounds_of[chosen[part]], self.context))

        return new_flow

    def _read(
        self,
        path: Path,
        chosen: Mapping[str, str],
        *,
        written_in: Format,
        flows: dict[str, _Flow],
        new_flow: Callable[[str], _Flow],
    ) -> None:
        for member in open_members(path, self.limits):
            part = _part_of(member.name, chosen)
            if part in chosen:
                if part not in flows:
                    flows[part] = new_flow(part)
                flows[part].take(self._counted(member), written_in)

    def _plan(self, subscription: Subscription, path: Path) -> dict[str, str]:
        """Return the parts to read and their categories; the part ``""`` is a list that is no tree."""
        folders = {_folder_of(member.name) for member in open_members(path, self.limits)} - {""}
        if not folders:
            if subscription.category == ALL_CATEGORIES:
                raise ListError("no tree: name the one category that this list is about")
            return {"": subscription.category}
        plan = {folder: self.tree_parts[folder] for folder in sorted(folders) if folder in self.tree_parts}
        if subscription.category != ALL_CATEGORIES:
            plan = {folder: ours for folder, ours in plan.items() if ours == subscription.category}
            if not plan and len(folders) == 1:
                plan = {folders.pop(): subscription.category}
        if not plan:
            raise ListError(
                f"the tree has nothing for {subscription.category!r}: it holds {', '.join(sorted(folders))}"
            )
        return plan

    def _counted(self, member: Member) -> Member:
        return dataclasses.replace(member, lines=_tell(member.lines, self.on_lines))

    def _choose(
        self, subscription: Subscription, flows: Mapping[str, _Flow], *, previous: Meta | None, doubtful: bool
    ) -> Taken:
        before = {part.name: part for part in previous.parts} if previous else {}
        parts: list[Part] = []
        errors: list[str] = []
        new: list[str] = []
        for name, flow in flows.items():
            old = before.pop(name, None)
            try:
                flow.check(old.count if old else None, accept_shrunk=self.accept_shrunk)
            except ListError as error:
                self.store.discard(subscription.id, [flow.file])
                if old:
                    parts.append(dataclasses.replace(old, error=str(error)))
                if not flow.is_blank or not name:  # a tree has parts that hold nothing
                    errors.append(f"{name}: {error}" if name else str(error))
                continue
            new.append(flow.file)
            parts.append(flow.part(old.count if old else None, self.now))
        if not new:
            raise ListError(errors[0] if errors else "empty: there is no rule in it")
        # A part that the tree no longer has: what it held does not become harmless by that.
        parts += (dataclasses.replace(old, error="the newest version does not have it") for old in before.values())
        return Taken(tuple(parts), doubtful, tuple(new), errors[0] if errors else "")


class _Flow:
    """One part as it streams through: parser, sieve, file."""

    def __init__(self, name: str, category: str, file: str, writer: RuleWriter, sieve: Sieve) -> None:
        self.file = file
        self.sieve = sieve
        self.names: list[str] = []  # of a part that is benign
        self._name = name
        self._category = category
        self._writer = writer
        self._tally = Tally()
        self._header = Header()
        self._format = Format.AUTO

    def take(self, member: Member, written_in: Format) -> None:
        """Take in the rules of *member*."""
        if PurePosixPath(member.name).name in _EXPRESSIONS:
            for number, line in enumerate(member.lines, 1):
                self._tally.skip(Skip.EXPRESSION, number, line)
            return
        self._format = Format.UT1 if self._name else written_in
        rules = self.sieve.sift(parse_list(member.lines, self._format, self._tally, self._header))
        if self._category == GUARD_SITE:
            kept = list(rules)
            self.names += (rule.domain for rule in kept if rule.path is None)
            rules = iter(kept)
        self._writer.write(rules)

    @property
    def is_blank(self) -> bool:
        """Whether nothing was there to be a rule."""
        return not self._tally.rules

    def settle(self, *, doubtful: bool) -> None:
        """Decide about what was held back."""
        if doubtful:
            self.sieve.drop_held()
        else:
            self._writer.write(self.sieve.release())

    def check(self, previous: int | None, *, accept_shrunk: bool) -> None:
        """Do nothing for a part that may be used.

        Raises:
            ListError: it may not.
        """
        check_readable(self._format, self._tally)
        check_whole(self._tally, self._header)
        check_claims(self.sieve.clear_faults, self.sieve.passed)
        check_count(self._writer.count, previous, accept_shrunk=accept_shrunk)

    def part(self, previous: int | None, now: datetime) -> Part:
        """Return the part as the store will know it."""
        dropped = {str(fault): dropped for fault, dropped in self.sieve.dropped.items()}
        return Part(
            self._name,
            self._category,
            self.file,
            self._writer.count,
            previous_count=previous,
            updated=now,
            skipped=skipped_lines(self._tally),
            dropped=dropped,
        )


def _settle(flows: Iterable[_Flow]) -> bool:
    """Decide how far the source is to be trusted, from all its parts: who is careless in one is so in the next."""
    flows = list(flows)
    doubtful = is_doubtful(sum(flow.sieve.clear_faults for flow in flows if flow.sieve.guarded))
    for flow in flows:
        flow.settle(doubtful=doubtful)
    return doubtful


def _folder_of(name: str) -> str:
    """Return the category's folder that the file *name* of a tree is in; ``""``: it is no part of a tree."""
    path = PurePosixPath(name)
    in_tree = path.name in (*_NAMES, *_EXPRESSIONS) and _category(path.parent.name)
    return path.parent.name if in_tree else ""


def _part_of(name: str, chosen: Mapping[str, str]) -> str:
    """Return the part of *chosen* that the file *name* belongs to; what is in no part of it: it belongs to none."""
    if "" in chosen:
        return "(about)" if _about(name) else ""
    return _folder_of(name) or "(none)"


def _tell(lines: Iterator[str], on_lines: Callable[[int], None]) -> Iterator[str]:
    count = 0
    for count, line in enumerate(lines, 1):
        yield line
        if count % _EVERY == 0:
            on_lines(_EVERY)
    on_lines(count % _EVERY)
