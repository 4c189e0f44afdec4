# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client gets instead of the page it asked for, in its language and in a form that it can use."""

from __future__ import annotations

import base64
import enum
import functools
import hashlib
import html
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template

from filterd.policy.model import Cause, Decision, Reason
from filterd.wording import (
    Explanation,
    Label,
    Notice,
    best_language,
    describe,
    explain,
    label,
    name_category,
)

CategoryNames = Mapping[str, Mapping[str, str]]

# What a request for a part of a page says of itself; a person never sees our words there.
_PARTS = frozenset(
    {"audio", "audioworklet", "font", "image", "manifest", "object", "paintworklet", "report", "script"}
    | {"serviceworker", "sharedworker", "style", "track", "video", "worker", "xslt"}
)

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
    Notice.WORKS: (200, ""),
    Notice.WORKS_WITHOUT_TLS: (403, "http_request_denied"),
    Notice.FAILURE: (502, "proxy_internal_error"),
}


class Form(enum.Enum):
    """How the client can use an answer."""

    HTML = "text/html; charset=utf-8"
    JSON = "application/json"
    TEXT = "text/plain; charset=utf-8"
    EMPTY = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the client wants: which language, which form."""

    language: str = "es"
    form: Form = Form.HTML

    @classmethod
    def by(cls, headers: Mapping[str, str]) -> Asked:
        """Return what the request with *headers* wants; look-up in *headers* ignores case."""
        language = best_language(headers.get("accept-language"))
        return cls(language, _form(headers.get("sec-fetch-dest", ""), headers.get("accept", "").lower()))


@dataclass(frozen=True, slots=True)
class Page:
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer before it has a form: *rows* are shown to people, *facts* told to programs."""

    text: Explanation
    status: int
    proxy_status: str
    subject: str
    facts: Mapping[str, object]
    rows: Mapping[str, str] = field(default_factory=dict)


def block_page(decision: Decision, reason: Reason, asked: Asked, category_names: CategoryNames) -> Page:
    """Return the page that says what was blocked, why, and whom to ask."""
    host, when = decision.request.host, decision.request.when.astimezone().strftime("%Y-%m-%d %H:%M")
    category = reason.category
    named = name_category(category, language=asked.language, category_names=category_names) if category else ""
    rows = {Label.SITE: host, Label.CATEGORY: named, Label.TIME: when}
    failed = reason.cause is Cause.FAILURE
    details = " ".join(filter(None, (reason.cause.value, category, reason.rule, reason.list)))
    answer = _Answer(
        explain(reason, language=asked.language, category_names=category_names),
        502 if failed else 403,
        _proxy_status("proxy_internal_error" if failed else "http_request_denied", details),
        subject=f"{host} – {named}" if named else host,
        facts={"action": "block", "host": host, **_facts(reason), "profile": decision.profile, "time": when},
        rows={label(name, language=asked.language): value for name, value in rows.items() if value},
    )
    return _render(answer, asked)


def notice_page(notice: Notice, asked: Asked, *, host: str) -> Page:
    """Return the page that says *notice* about *host*: a trouble on the way, never "blocked"."""
    status, error = _STATUS[notice]
    answer = _Answer(
        describe(notice, language=asked.language, host=host),
        status,
        _proxy_status(error, notice.value) if error else "",
        subject=host,
        facts={"action": "allow" if status == 200 else None, "error": notice.value, "host": host},
    )
    return _render(answer, asked)


@functools.cache
def failure_page() -> Page:
    """Return the page for our own bugs: in three languages, for by then nobody knows which one to use."""
    texts = {language: describe(Notice.FAILURE, language=language, host="") for language in ("es", "gn", "en")}
    sections = "\n".join(_section(text, rows={}, attributes=f' lang="{tag}"') for tag, text in texts.items())
    spanish = texts["es"]
    document = _document(spanish.title, spanish.sentence, sections, language="es")
    status, error = _STATUS[Notice.FAILURE]
    headers = _headers(Form.HTML, ", ".join(texts), _proxy_status(error, Notice.FAILURE.value))
    return Page(status, headers, document)


def _form(destination: str, accept: str) -> Form:
    if destination in _PARTS:
        return Form.EMPTY
    if "text/html" in accept or "application/xhtml+xml" in accept:
        return Form.HTML
    if "json" in accept or destination == "empty":  # a script's fetch()
        return Form.JSON
    if accept.startswith(("image/", "text/css", "audio/", "video/", "font/")):
        return Form.EMPTY
    if accept.startswith("text/plain"):
        return Form.TEXT
    return Form.HTML


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
    text = answer.text
    heading = f"{text.title}: {answer.subject}"
    match asked.form:
        case Form.HTML:
            section = _section(text, rows=answer.rows)
            body = _document(heading, text.sentence, section, language=asked.language)
        case Form.JSON:
            told = {"title": text.title, "sentence": text.sentence, "advice": text.advice}
            body = json.dumps({**answer.facts, **told}, ensure_ascii=False).encode() + b"\n"
        case Form.TEXT:
            lines = [heading, text.sentence, text.rule_line, text.advice]
            body = "".join(f"{line}\n" for line in lines if line).encode()
        case Form.EMPTY:
            body = b""
    return Page(answer.status, _headers(asked.form, asked.language, answer.proxy_status), body)


def _section(text: Explanation, *, rows: Mapping[str, str], attributes: str = "") -> str:
    parts = [f"<section{attributes}>", f"<h1>{html.escape(text.title)}</h1>", f"<p>{html.escape(text.sentence)}</p>"]
    if rows:
        pairs = (f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in rows.items())
        parts += ["<dl>", *pairs, "</dl>"]
    if text.advice:
        parts.append(f"<p>{html.escape(text.advice)}</p>")
    if text.rule_line:
        parts.append(f'<p class="rule">{html.escape(text.rule_line)}</p>')
    return "\n".join([*parts, "</section>"])


def _document(title: str, summary: str, sections: str, *, language: str) -> bytes:
    template, style = _template()
    return template.substitute(
        language=language, title=html.escape(title), summary=html.escape(summary), style=style, sections=sections
    ).encode()


def _headers(form: Form, languages: str, proxy_status: str) -> tuple[tuple[str, str], ...]:
    headers = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
    if form.value:
        headers += [("Content-Type", form.value), ("Content-Language", languages)]
    if form is Form.HTML:
        headers += [("Content-Security-Policy", _content_policy()), ("Referrer-Policy", "no-referrer")]
    if proxy_status:
        headers.append(("Proxy-Status", proxy_status))
    return tuple(headers)


def _proxy_status(error: str, details: str) -> str:
    # RFC 9209, RFC 8941 §3.3.3: a string holds printable ASCII only.
    shown = "".join(c if " " <= c <= "~" else "?" for c in details)
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'filterd; error={error}; details="{quoted}"'


@functools.cache
def _template() -> tuple[Template, str]:
    files = importlib.resources.files("filterd.proxy")
    style = files.joinpath("page.css").read_text(encoding="utf-8")
    return Template(files.joinpath("page.html").read_text(encoding="utf-8")), style


@functools.cache
def _content_policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_template()[1].encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
