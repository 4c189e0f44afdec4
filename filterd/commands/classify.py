# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd classify`: what pages or texts are about and which phrases say so, on the daemon's own code."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from filterd.assembly import Assembly
from filterd.commands.common import assemble, config_option, json_option, user_language
from filterd.policy.domains import InvalidHost, Target, split_target
from filterd.policy.language import guess_language
from filterd.policy.model import Block, Client, PageView, Request, Stage
from filterd.policy.pages import LABELLED, find_refused, first_reached, is_for_older
from filterd.policy.policy import Policy
from filterd.policy.profile import Profile
from filterd.policy.scorer import PageScorer
from filterd.proxy.page_charset import is_binary
from filterd.proxy.page_text import read_html, read_page, read_text
from filterd.settings_read import nearest
from filterd.wording import name_category


class Classified(msgspec.Struct, omit_defaults=False):
    """What one page is, as a machine reads it (contract.md)."""

    id: Any  # as it came
    action: str
    category: str | None
    scores: dict[str, float]
    evidence: list[tuple[str, int, float]]
    language: str | None
    profile: str
    age_label: int | None


class Unreadable(msgspec.Struct):
    """An input that is no page."""

    id: Any
    action: None
    error: str


class NoPage(ValueError):
    """An input that is no page or text."""


@dataclass(frozen=True, slots=True)
class Input:
    """One page: its view, and the address that it was at, if that is known."""

    id: Any
    page: PageView
    target: Target | None = None


@click.command("classify")
@click.argument("files", metavar="FILE…", nargs=-1)
@click.option("--url", metavar="URL", help="Where the page was: its host's lists, guard and permissions count too.")
@click.option("--profile", metavar="P", help="Judge as this profile (default: the configuration's).")
@click.option(
    "--jsonl",
    type=click.File("rb"),
    metavar="FILE",
    help='Read one {"id": …, "text": … or "html": …} a line (- is standard input); write one JSON object a line.',
)
@json_option
@config_option
def command(
    files: tuple[str, ...], url: str | None, profile: str | None, jsonl: BinaryIO | None,
    *, as_json: bool, config: Path | None,
) -> int:  # fmt: skip
    """Say what the page or text in each FILE (- is standard input) is about, and why."""
    if not files and jsonl is None:
        raise click.UsageError("name a file (- is standard input), or a file of lines with --jsonl")
    judge = Judge.of(assemble(config), profile)
    target = _target(url) if url is not None else None
    write, encode = sys.stdout.buffer.write, msgspec.json.Encoder().encode
    well = True
    for line in jsonl or ():
        if line.strip():
            told = _told(judge, _read_line(line), target)
            well = well and isinstance(told, Classified)
            write(encode(told) + b"\n")
    for name in files:
        told = _told(judge, _read_file(name), target)
        well = well and isinstance(told, Classified)
        if as_json or jsonl is not None:
            write(encode(told) + b"\n")
        elif isinstance(told, Unreadable):
            click.echo(f"filterd: {name}: {told.error}", err=True)
        else:
            write(_describe(told, judge.names).encode())
    sys.stdout.flush()
    return 0 if well else 1


class Judge:
    """Judges pages: by their text alone, or, where their address is known, by the whole policy."""

    def __init__(self, assembly: Assembly, scorer: PageScorer, profile: Profile) -> None:
        self._assembly = assembly
        self._scorer = scorer
        self._profile = profile
        self._policy: Policy | None = None  # only an address needs the category database
        self.names = {c.id: c.names for c in assembly.shipped.catalogue.categories.values()}

    @classmethod
    def of(cls, assembly: Assembly, profile: str | None) -> Judge:
        """Return the judge for the profile named *profile*, by default the configuration's.

        Raises:
            UsageError: there is no such profile.
        """
        profiles = assembly.profiles()
        name = profile or assembly.settings.policy.default_profile
        if name not in profiles:
            raise click.UsageError(f"unknown profile {name!r}{nearest(name, profiles)}")
        return cls(assembly, assembly.shipped.scorer, profiles[name])

    def classify(self, given: Input) -> Classified:
        """Return what *given* is."""
        page = given.page
        scores = self._scorer.score(page)
        top = next(iter(scores), None)
        reached = first_reached(scores, self._profile, self._scorer)
        category = reached.category if reached else None
        refused = self._refused_at(given.target, page) if given.target else self._refused(page)
        named = next((score for score in scores if score.category == (refused or category)), top)
        return Classified(
            id=given.id,
            action="block" if refused is not None else "allow",
            category=refused or category,
            scores={score.category: round(score.probability, 4) for score in scores},
            evidence=[(e.phrase, e.times, round(e.contribution, 3)) for e in named.evidence] if named else [],
            language=guess_language(f"{page.title} {page.text}"),
            profile=self._profile.id,
            age_label=page.age_label,
        )

    def _refused(self, page: PageView) -> str | None:
        if is_for_older(page, self._profile):
            return LABELLED
        score = find_refused(page, self._profile, self._scorer)
        return score.category if score else None

    def _refused_at(self, target: Target, page: PageView) -> str | None:
        if self._policy is None:
            self._policy = dataclasses.replace(self._assembly.policy(), scorer=self._scorer)
        client = Client(profile=self._profile.id)
        asked = Request(Stage.RESPONSE, client, datetime.now(UTC), target.host, target.url, page=page)
        verdict = self._policy.decide(asked).verdict
        return verdict.reason.category or verdict.reason.cause.value if isinstance(verdict, Block) else None


def _told(judge: Judge, given: Input | Unreadable, target: Target | None) -> Classified | Unreadable:
    if isinstance(given, Unreadable):
        return given
    return judge.classify(given if given.target else dataclasses.replace(given, target=target))


def _read_file(name: str) -> Input | Unreadable:
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return Input(name, _read_body(body, name))
    except NoPage as error:
        return Unreadable(name, None, str(error))
    except OSError as error:
        return Unreadable(name, None, f"{error.strerror or error}: name a file that can be read")


def _read_body(body: bytes, name: str) -> PageView:
    if is_binary(body):
        raise NoPage("no text but a picture, archive or program: give a page or a text")
    html = name.lower().endswith((".html", ".htm", ".xhtml"))
    return read_page(body, content_type="text/html" if html else "")


def _read_line(line: bytes) -> Input | Unreadable:
    given: object = None
    try:
        given = json.loads(line.decode("utf-8", "replace"))
        return _read_object(given)
    except (ValueError, RecursionError) as error:
        known = given.get("id") if isinstance(given, dict) else None
        told = str(error) if isinstance(error, NoPage | InvalidHost) else f"no JSON object: {error}"
        return Unreadable(known, None, " ".join(told.split()))


def _read_object(given: object) -> Input:
    if not isinstance(given, dict):
        raise NoPage('no JSON object: write {"id": …, "text": …} or {"id": …, "html": …}')
    html, text, url = given.get("html"), given.get("text"), given.get("url")
    page = read_html(html) if isinstance(html, str) else read_text(text) if isinstance(text, str) else None
    if page is None:
        raise NoPage('neither "text" nor "html" is a string: give one of them')
    return Input(given.get("id"), page, split_target(url) if isinstance(url, str) else None)


def _target(url: str) -> Target:
    try:
        return split_target(url)
    except InvalidHost as error:
        raise click.UsageError(f"--url: {error}") from error


_ACTIONS = {
    "es": {"allow": "permitido", "block": "bloqueado"},
    "gn": {"allow": "ikatu", "block": "ojejoko"},
    "en": {"allow": "allowed", "block": "blocked"},
    "pt": {"allow": "permitido", "block": "bloqueado"},
}


def _describe(told: Classified, names: Mapping[str, Mapping[str, str]]) -> str:
    language = user_language()
    lines = [f"{told.id}: {_ACTIONS[language][told.action]}"]
    for category, score in list(told.scores.items())[:5]:
        shown = name_category(category, language=language, category_names=names)
        lines.append(f"  {score:7.1%}  {shown}")
    lines += [f"  {worth:+7.2f}  {phrase} ×{times}" for phrase, times, worth in told.evidence]
    return "\n".join(lines) + "\n"
