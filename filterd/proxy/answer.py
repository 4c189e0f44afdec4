# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole answer of ours, in a form that the client can use: a page, a part of a page, or facts for a program."""

from __future__ import annotations

import base64
import enum
import functools
import hashlib
import html
import importlib.resources
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import Template

from filterd.wording import Explanation, Label, best_language, label

LANGUAGES = ("es", "gn", "en")  # every page of ours has these, beside the one that was asked for

# Fetch Standard, "destination". A person never sees our words in a part of a page.
_PARTS = frozenset(
    {"audio", "audioworklet", "font", "manifest", "object", "paintworklet", "report", "serviceworker", "sharedworker"}
    | {"track", "video", "worker", "xslt"}
)


class Form(enum.Enum):
    """How the client can use an answer: the Content-Type it gets."""

    HTML = "text/html; charset=utf-8"
    FRAME = "text/html;charset=utf-8"  # inside somebody else's page: one line, and nothing to press
    JSON = "application/json"
    TEXT = "text/plain; charset=utf-8"
    IMAGE = "image/gif"
    SCRIPT = "text/javascript"
    STYLE = "text/css"
    EMPTY = ""


# The body where there are no words: a picture of one transparent point does not show as a broken one.
WORDLESS: Mapping[Form, bytes] = {
    Form.IMAGE: base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"),
    Form.SCRIPT: b"",
    Form.STYLE: b"",
    Form.EMPTY: b"",
}

_BY_DESTINATION = {
    "image": Form.IMAGE,
    "script": Form.SCRIPT,
    "style": Form.STYLE,
    **dict.fromkeys(("iframe", "frame", "embed", "fencedframe"), Form.FRAME),
    **dict.fromkeys(_PARTS, Form.EMPTY),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the client wants: which language, which form; *path* is where on its site it is."""

    language: str = "es"
    form: Form = Form.HTML
    path: str = "/"

    @classmethod
    def by(cls, headers: Mapping[str, str], path: str = "/") -> Asked:
        """Return what the request with *headers* wants; look-up in *headers* ignores case."""
        language = best_language(headers.get("accept-language"))
        return cls(language, _form(headers.get("sec-fetch-dest", ""), headers.get("accept", "").lower()), path)

    def languages(self) -> tuple[str, ...]:
        """Return the languages of a page, the one asked for first."""
        return tuple(dict.fromkeys((self.language, *LANGUAGES)))


@dataclass(frozen=True, slots=True)
class Page:
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """A page in one language. *extra* is HTML of ours that stands below."""

    language: str
    text: Explanation
    rows: tuple[tuple[str, str], ...] = ()
    extra: str = ""


def render_page(sections: Sequence[Section], title: str) -> bytes:
    """Return the page that shows the first of *sections*, and the others when somebody follows the links to them.

    Works without scripts: a section that is the target of the address hides the last one.
    """
    first, *others = sections
    parts = [_section(section, sections, " other") for section in others] + [_section(first, sections, "")]
    return _document(title, first.text.sentence, "\n".join(parts), language=first.language)


def render_all(sections: Iterable[Section], title: str) -> bytes:
    """Return the page that shows all *sections*, one below the other."""
    shown = tuple(sections)
    parts = "\n".join(_section(section, (), "") for section in shown)
    return _document(title, shown[0].text.sentence, parts, language=shown[0].language)


def headers_for(form: Form, languages: str, proxy_status: str = "") -> tuple[tuple[str, str], ...]:
    """Return the headers of an answer of ours in *languages*."""
    headers = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Vary", "*")]
    if form.value:
        headers.append(("Content-Type", form.value))
    if form not in WORDLESS:
        headers.append(("Content-Language", languages))
    if form in (Form.HTML, Form.FRAME):
        ancestors = "*" if form is Form.FRAME else "'none'"  # what can be pressed is never shown inside another page
        # same-origin: without a referrer policy that lets Origin through, a form's Origin would be "null".
        headers += [("Content-Security-Policy", _content_policy(ancestors)), ("Referrer-Policy", "same-origin")]
    if proxy_status:
        headers.append(("Proxy-Status", proxy_status))
    return tuple(headers)


def _form(destination: str, accept: str) -> Form:
    if destination in _BY_DESTINATION:
        return _BY_DESTINATION[destination]
    if "text/html" in accept or "application/xhtml+xml" in accept:
        return Form.HTML
    if "json" in accept or destination == "empty":  # a script's fetch()
        return Form.JSON
    if accept.startswith("image/"):  # over plain HTTP browsers do not say what it is for
        return Form.IMAGE
    if accept.startswith("text/css"):
        return Form.STYLE
    if accept.startswith(("audio/", "video/", "font/")):
        return Form.EMPTY
    if accept.startswith("text/plain"):
        return Form.TEXT
    return Form.HTML


def _section(section: Section, switch: Sequence[Section], kind: str) -> str:
    text = section.text
    parts = [
        f'<section id="filterd-{section.language}" lang="{section.language}" class="card{kind}">',
        f"<h1>{html.escape(text.title)}</h1>",
        f"<p>{html.escape(text.sentence)}</p>",
    ]
    if section.rows:
        pairs = (f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in section.rows)
        parts += ["<dl>", *pairs, "</dl>"]
    if text.advice:
        parts.append(f"<p>{html.escape(text.advice)}</p>")
    if text.rule_line:
        parts.append(f'<p class="rule">{html.escape(text.rule_line)}</p>')
    if section.extra:
        parts.append(section.extra)
    if len(switch) > 1:
        links = (_link(other.language) for other in switch if other is not section)
        parts.append(f"<nav>{' · '.join(links)}</nav>")
    return "\n".join([*parts, "</section>"])


def _link(language: str) -> str:
    name = html.escape(label(Label.LANGUAGE, language=language))
    return f'<a href="#filterd-{language}" lang="{language}" hreflang="{language}">{name}</a>'


def _document(title: str, summary: str, sections: str, *, language: str) -> bytes:
    template, style = _template()
    return template.substitute(
        language=language, title=html.escape(title), summary=html.escape(summary), style=style, sections=sections
    ).encode()


@functools.cache
def _template() -> tuple[Template, str]:
    files = importlib.resources.files("filterd.proxy")
    style = files.joinpath("page.css").read_text(encoding="utf-8")
    return Template(files.joinpath("page.html").read_text(encoding="utf-8")), style


@functools.cache
def _content_policy(ancestors: str) -> str:
    digest = base64.b64encode(hashlib.sha256(_template()[1].encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {ancestors}"
    )
