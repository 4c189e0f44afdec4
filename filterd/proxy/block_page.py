# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client gets instead of the page it asked for, in words of its language."""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from filterd.policy.model import Cause, Decision, Reason
from filterd.proxy.answer import WORDLESS, Asked, Form, Page, Section, headers_for, render_all, render_page
from filterd.wording import (
    Explanation,
    Label,
    Notice,
    Outcome,
    describe,
    explain,
    format_time,
    label,
    name_category,
    report,
)

__all__ = ["Actions", "Asked", "CategoryNames", "Form", "Page", "block_page", "failure_page", "notice_page"]

CategoryNames = Mapping[str, Mapping[str, str]]

# Of the blocked site itself: the proxy answers there, and no server ever sees it.
ASK_PATH = "/.filterd/ask"
UNLOCK_PATH = "/.filterd/unlock"

# RFC 9209 §2.3: status and error type, for programs.
_STATUS: dict[Notice, tuple[int, str]] = {
    Notice.NAME_NOT_FOUND: (502, "dns_error"),
    Notice.NAME_TROUBLE: (504, "dns_timeout"),
    Notice.UNREACHABLE: (502, "destination_unavailable"),
    Notice.CONNECT_TIMEOUT: (504, "connection_timeout"),
    Notice.BROKEN_ANSWER: (502, "http_protocol_error"),
    Notice.PRIVATE_TARGET: (403, "destination_ip_prohibited"),
    Notice.BAD_REQUEST: (400, "http_request_error"),
    Notice.TLS_EXPIRED: (502, "tls_certificate_error"),
    Notice.TLS_NOT_YET_VALID: (502, "tls_certificate_error"),
    Notice.TLS_WRONG_NAME: (502, "tls_certificate_error"),
    Notice.TLS_UNKNOWN_ISSUER: (502, "tls_certificate_error"),
    Notice.TLS_OWN_AUTHORITY: (502, "tls_certificate_error"),
    Notice.TLS_WEAK: (502, "tls_certificate_error"),
    Notice.TLS_BAD_CERTIFICATE: (502, "tls_certificate_error"),
    Notice.TLS_OUTDATED: (502, "tls_protocol_error"),
    Notice.TLS_FAILED: (502, "tls_protocol_error"),
    Notice.TWO_NAMES: (403, "http_request_denied"),
    Notice.NO_NAME: (403, "http_request_denied"),
    Notice.PORT: (403, "http_request_denied"),
    Notice.NOT_HERE: (421, "http_request_error"),
    Notice.WORKS: (200, ""),
    Notice.WORKS_WITHOUT_TLS: (403, "http_request_denied"),
    Notice.FAILURE: (502, "proxy_internal_error"),
}

_OUTCOMES: dict[Outcome, int] = {
    Outcome.SENT: 200,
    Outcome.REPORTED: 200,
    Outcome.OPENED: 200,
    Outcome.NOT_BLOCKED: 200,
    Outcome.WRONG_CODE: 403,
    Outcome.NO_CODES: 403,
    Outcome.NEVER: 403,
    Outcome.OLD_PAGE: 403,
    Outcome.NO_FORM: 403,
    Outcome.TOO_MANY: 429,
    Outcome.UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True)
class Actions:
    """What can be done on a block page; *token* proves that a form came from it."""

    token: str
    asks: bool = True
    unlocks: bool = True


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer before it has a form: *section* is for people, in a language; *facts* are told to programs."""

    section: Callable[[str], Section]
    status: int
    proxy_status: str
    subject: str
    facts: Mapping[str, object] = field(default_factory=dict)


def block_page(
    decision: Decision,
    reason: Reason,
    asked: Asked,
    *,
    category_names: CategoryNames,
    zone: tzinfo | None = None,
    actions: Actions | None = None,
) -> Page:
    """Return the page that says what was blocked, why, and whom to ask; times are those of *zone* (``None``: ours)."""
    host, when, category = decision.request.host, decision.request.when.astimezone(zone), reason.category

    def name_in(language: str) -> str:
        return name_category(category, language=language, category_names=category_names) if category else ""

    def section(language: str) -> Section:
        values = {
            Label.SITE: host,
            Label.CATEGORY: name_in(language),
            Label.TIME: format_time(when, language=language),
        }
        return Section(
            language,
            explain(reason, language=language, category_names=category_names),
            tuple((label(name, language=language), value) for name, value in values.items() if value),
            _forms(actions, language, asked.path) if actions else "",
        )

    named = name_in(asked.language)
    failed = reason.cause is Cause.FAILURE
    details = " ".join(filter(None, (reason.cause.value, category, reason.rule, reason.list)))
    answer = _Answer(
        section,
        502 if failed else 403,
        _proxy_status("proxy_internal_error" if failed else "http_request_denied", details),
        subject=f"{host} – {named}" if named else host,
        facts={
            "action": "block",
            "host": host,
            **_facts(reason),
            "profile": decision.profile,
            "time": when.strftime("%Y-%m-%d %H:%M"),
        },
    )
    return _render(answer, asked)


def notice_page(notice: Notice, asked: Asked, *, host: str) -> Page:
    """Return the page that says *notice* about *host*: a trouble on the way, never "blocked"."""
    status, error = _STATUS[notice]
    answer = _Answer(
        lambda language: Section(language, describe(notice, language=language, host=host)),
        status,
        _proxy_status(error, notice.value) if error else "",
        subject=host,
        facts={"action": "allow" if status == 200 else None, "error": notice.value, "host": host},
    )
    return _render(answer, asked)


def outcome_page(outcome: Outcome, asked: Asked, *, host: str) -> Page:
    """Return the page that says what became of a form about *host*, with the way back."""

    def section(language: str) -> Section:
        back = html.escape(label(Label.BACK, language=language))
        link = f'<p><a href="{html.escape(asked.path)}">{back}</a></p>'
        return Section(language, report(outcome, language=language, host=host), extra=link)

    answer = _Answer(section, _OUTCOMES[outcome], "", subject=host, facts={"outcome": outcome.value, "host": host})
    return _render(answer, asked)


@functools.cache
def failure_page() -> Page:
    """Return the page for our own bugs: in three languages, for by then nobody knows which one to use."""
    languages = ("es", "gn", "en")
    sections = [Section(tag, describe(Notice.FAILURE, language=tag, host="")) for tag in languages]
    status, error = _STATUS[Notice.FAILURE]
    headers = headers_for(Form.HTML, ", ".join(languages), _proxy_status(error, Notice.FAILURE.value))
    return Page(status, headers, render_all(sections, sections[0].text.title))


def _facts(reason: Reason) -> dict[str, object]:
    """Return *reason* as ``filterd check --json`` names its parts."""
    return {
        "category": reason.category,
        "categories": reason.categories,
        "rule": reason.rule,
        "list": reason.list,
        "cause": reason.cause.value,
        "decree": reason.decree,
    }


def _render(answer: _Answer, asked: Asked) -> Page:
    text = answer.section(asked.language).text
    heading = f"{text.title}: {answer.subject}" if answer.subject else text.title
    match asked.form:
        case Form.HTML:
            body = render_page([answer.section(language) for language in asked.languages()], heading)
        case Form.FRAME:
            brief = Section(asked.language, Explanation(text.title, answer.subject))
            body = render_page([brief], heading)
        case Form.JSON:
            told = {"title": text.title, "sentence": text.sentence, "advice": text.advice}
            body = json.dumps({**answer.facts, **told}, ensure_ascii=False).encode() + b"\n"
        case Form.TEXT:
            lines = [heading, text.sentence, text.rule_line, text.advice]
            body = "".join(f"{line}\n" for line in lines if line).encode()
        case Form.IMAGE | Form.SCRIPT | Form.STYLE | Form.EMPTY:
            body = WORDLESS[asked.form]
    return Page(answer.status, headers_for(asked.form, asked.language, answer.proxy_status), body)


def _forms(actions: Actions, language: str, back: str) -> str:
    say = {name: html.escape(label(name, language=language)) for name in Label}
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in (("token", actions.token), ("lang", language), ("back", back))
    )
    parts = []
    if actions.asks:
        parts.append(
            f'<form method="post" action="{ASK_PATH}">{hidden}'
            f'<label>{say[Label.COMMENT]}<textarea name="comment" rows="2" maxlength="300"></textarea></label>'
            f'<div class="buttons"><button name="kind" value="ask">{say[Label.ASK]}</button>'
            f'<button name="kind" value="wrong" class="second">{say[Label.WRONG]}</button></div></form>'
        )
    if actions.unlocks:
        parts.append(
            f"<details><summary>{say[Label.UNLOCK]}</summary>"
            f'<form method="post" action="{UNLOCK_PATH}" autocomplete="off">{hidden}'
            f'<label>{say[Label.CODE]}<input name="code" inputmode="numeric" pattern="[0-9 ]{{6,7}}" maxlength="7"'
            f" required></label><button>{say[Label.OPEN]}</button></form>"
            f'<p class="rule">{say[Label.NO_PASSWORD]}</p></details>'
        )
    return "\n".join(parts)


def _proxy_status(error: str, details: str) -> str:
    # RFC 9209, RFC 8941 §3.3.3: a string holds printable ASCII only.
    shown = "".join(c if " " <= c <= "~" else "?" for c in details)
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'filterd; error={error}; details="{quoted}"'
