# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told about a verdict, in their language; the texts are data (``wording.toml``)."""

from __future__ import annotations

import enum
import functools
import importlib.resources
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from filterd.policy.model import Cause, Reason

LANGUAGES = ("es", "gn", "en", "pt")

# ISO 639-2 and 639-3 codes that browsers and systems send for the same four; gug is Paraguayan Guaraní.
_SYNONYMS = {"spa": "es", "grn": "gn", "gug": "gn", "eng": "en", "por": "pt"}
_MAX_HEADER = 1000  # no honest Accept-Language is longer
_day = re.compile("[a-z]+")


class Notice(enum.StrEnum):
    """What the proxy says that is no verdict: troubles on the way, and the greeting of the test page."""

    NAME_NOT_FOUND = "name-not-found"
    NAME_TROUBLE = "name-trouble"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect-timeout"
    BROKEN_ANSWER = "broken-answer"
    PRIVATE_TARGET = "private-target"
    BAD_REQUEST = "bad-request"
    TLS_EXPIRED = "tls-expired"
    TLS_NOT_YET_VALID = "tls-not-yet-valid"
    TLS_WRONG_NAME = "tls-wrong-name"
    TLS_UNKNOWN_ISSUER = "tls-unknown-issuer"
    TLS_OWN_AUTHORITY = "tls-own-authority"
    TLS_WEAK = "tls-weak"
    TLS_BAD_CERTIFICATE = "tls-bad-certificate"
    TLS_OUTDATED = "tls-outdated"
    TLS_FAILED = "tls-failed"
    TWO_NAMES = "two-names"
    NO_NAME = "no-name"
    PORT = "port"
    NOT_HERE = "not-here"
    WORKS = "works"
    WORKS_WITHOUT_TLS = "works-without-tls"
    FAILURE = "failure"


class Outcome(enum.StrEnum):
    """What became of a form that a person sent from the block page."""

    SENT = "sent"
    REPORTED = "reported"
    OPENED = "opened"
    NOT_BLOCKED = "not-blocked"
    WRONG_CODE = "wrong-code"
    NO_CODES = "no-codes"
    NEVER = "never"  # the adult has said so for this site
    OLD_PAGE = "old-page"
    NO_FORM = "no-form"  # nothing that our page would send
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"


class Label(enum.StrEnum):
    """A word or line of a page that stands by itself: before a value, on a button."""

    SITE = "site"
    CATEGORY = "category"
    TIME = "time"
    LANGUAGE = "language"  # the language's own name
    COMMENT = "comment"
    ASK = "ask"
    WRONG = "wrong"
    UNLOCK = "unlock"
    CODE = "code"
    OPEN = "open"
    NO_PASSWORD = "no-password"  # noqa: S105 - a line that says none is asked for
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person is told: *rule_line* says where it comes from, *advice* what to do; either may be empty."""

    title: str
    sentence: str
    rule_line: str = ""
    advice: str = ""


def explain(verdict_reason: Reason, *, language: str, category_names: Mapping[str, Mapping[str, str]]) -> Explanation:
    """Return *verdict_reason* in words; *category_names* are the categories' names by id, then by language."""
    texts = _texts()
    cause = texts["causes"][verdict_reason.cause.value]
    category = verdict_reason.category or ""
    values = {
        "category": name_category(category, language=language, category_names=category_names) if category else "–",
        "rule": _rule(verdict_reason, language) or "–",
    }
    return Explanation(
        title=_say(texts["titles"][cause["title"]], language),
        sentence=_say(cause, language).format_map(values),
        rule_line=" · ".join(_rule_line(verdict_reason, language)),
        advice=_advice(cause, language),
    )


def describe(notice: Notice, *, language: str, host: str) -> Explanation:
    """Return *notice* about *host* in words."""
    text = _texts()["notices"][notice.value]
    return Explanation(
        title=_say(text["title"], language),
        sentence=_say(text, language).format_map({"host": host}),
        advice=_advice(text, language),
    )


def report(outcome: Outcome, *, language: str, host: str) -> Explanation:
    """Return what became of a form about *host* in words."""
    text = _texts()["outcomes"][outcome.value]
    return Explanation(
        title=_say(text["title"], language),
        sentence=_say(text, language).format_map({"host": host}),
        advice=_advice(text, language),
    )


def format_slot(slot: str, *, language: str) -> str:
    """Return *slot*, closed hours as the configuration writes them (``mon-fri 21:00-07:00``), for people to read."""
    days, _, hours = slot.partition(" ")
    names = _texts()["days"]
    words = _day.sub(lambda found: _say(names[found[0]], language) if found[0] in names else found[0], days)
    return f"{words.replace(',', ', ').replace('-', '–')} {hours.replace('-', '–')}".strip()


def format_time(when: datetime, *, language: str) -> str:
    """Return the moment *when*, in its own zone, as people of *language* write it."""
    return when.strftime("%Y-%m-%d %H:%M" if language == "en" else "%d/%m/%Y %H:%M")


def label(name: Label, *, language: str) -> str:
    """Return the word that stands before a value."""
    return _say(_texts()["labels"][name.value], language)


def name_category(category: str, *, language: str, category_names: Mapping[str, Mapping[str, str]]) -> str:
    """Return the name of *category* in *language*, else in Spanish, else its id."""
    names = category_names.get(category, {})
    return names.get(language) or names.get("es") or category


def best_language(accept_language_header: str | None, default: str = "es") -> str:
    """Return the language of ours that an ``Accept-Language`` header prefers (RFC 9110 §12.5.4), else *default*."""
    weights: dict[str, float] = {}
    any_other = 0.0
    for tag, weight in _language_ranges((accept_language_header or "")[:_MAX_HEADER]):
        language = _SYNONYMS.get(tag, tag)
        if tag == "*":
            any_other = weight
        elif language in LANGUAGES:
            # es-PY and es are one language to us: the higher weight counts, and a dict keeps the header's order.
            weights[language] = max(weight, weights.get(language, 0.0))
    weights.setdefault(default, any_other)
    best = max(weights, key=lambda language: weights[language])
    return best if weights[best] > 0 else default


def _language_ranges(header: str) -> Iterator[tuple[str, float]]:
    """Yield primary tag and weight of each range that is well formed."""
    for part in header.split(","):
        language_range, _, parameter = part.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        if 0.0 <= weight <= 1.0:
            yield language_range.strip().lower().partition("-")[0], weight


def _rule_line(reason: Reason, language: str) -> Iterator[str]:
    texts = _texts()["rule_line"]
    if rule := _rule(reason, language):
        yield _say(texts["rule"], language).format_map({"rule": rule})
    if reason.list:
        yield _say(texts["list"], language).format_map({"list": reason.list})
    if reason.decree:
        yield _say(texts["decree"], language).format_map({"items": ", ".join(reason.decree)})


def _rule(reason: Reason, language: str) -> str:
    rule = reason.rule or ""
    return format_slot(rule, language=language) if reason.cause is Cause.CLOSED_HOURS else rule


def _advice(text: Mapping[str, Any], language: str) -> str:
    return _say(_texts()["advice"][text["advice"]], language) if "advice" in text else ""


def _say(text: Mapping[str, str], language: str) -> str:
    return text[language if language in LANGUAGES else "es"]


@functools.cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(importlib.resources.files("filterd").joinpath("wording.toml").read_text(encoding="utf-8"))
