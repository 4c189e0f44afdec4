# SPDX-License-Identifier: GPL-3.0-or-later
"""The address inside an address: translators, caches and archives show other sites under their own name (B8)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

from filterd.policy.domains import InvalidHost, Target, split_target

# Names that carry the other site's name in their own: the ends of them.
_BY_NAME = (".translate.goog", ".cdn.ampproject.org", ".turbopages.org")
_MAX_FIELDS = 100  # of a query; no honest address has more


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which a site carries addresses: below *path*, in *fields* of the query or in what *rest* finds there.

    *bare*: an address may be written without ``http://``.
    """

    path: str = "/"
    fields: tuple[str, ...] = ()
    rest: re.Pattern[str] | None = None
    bare: bool = False


def _in_query(*fields: str, path: str = "/", bare: bool = True) -> tuple[_Way, ...]:
    return (_Way(path, fields, bare=bare),)


def _in_path(pattern: str, *, bare: bool = True) -> tuple[_Way, ...]:
    return (_Way(rest=re.compile(pattern, re.DOTALL), bare=bare),)


_WHOLE = _in_path(r"/(https?(?::|%3[aA]).+)", bare=False)
_AMP = _in_path(r"/[a-z]{1,2}(?:/s)?/(.+)")
_IMAGE = _in_query("url", path="/", bare=True)
_ARCHIVE_TODAY = (
    *_in_query("url"),
    *_in_path(
        r"/(?:(?:newest|oldest|timegate|\d{4,14})/|o/\w+/)?((?:https?(?::|%3[aA])|[\w-]+(?:\.[\w-]+)+(?:/|$)).*)"
    ),
)
_TURBO = (*_in_query("text"), *_in_path(r"(?:/turbo)?/(?:[\w.-]+/s|s)/(.+)"))
_LEAVING = _in_query("u", "url", "q", "to", "z", "target", bare=False)
_DUCK_IMAGE = _in_query("u", path="/iu/", bare=False)

# Exact hosts. With *.* at the end: of every country. A leading *. : what is below it, too.
_WAYS: dict[str, tuple[_Way, ...]] = {
    # Translators
    "translate.google.*": _in_query("u"),
    "translate.googleusercontent.com": _in_query("u"),
    "translate.yandex.com": _in_query("url"),
    "translate.yandex.ru": _in_query("url"),
    "translated.turbopages.org": _in_path(r"/proxy_u/[^/]+/(https?)/(.+)"),
    "www.translatetheweb.com": _in_query("a"),
    "www.microsofttranslator.com": _in_query("a"),
    "translate.bing.com": _in_query("a"),
    "papago.naver.net": _in_query("url"),
    "fanyi.baidu.com": _in_query("query", path="/transpage"),
    # Caches and archives
    "webcache.googleusercontent.com": _in_query("q"),
    "cc.bingj.com": _in_query("u"),
    "yandexwebcache.net": _in_query("url"),
    "hghltd.yandex.net": _in_query("url"),
    "web.archive.org": _in_path(r"/(?:web/(?:[0-9*]{1,14}(?:[a-z]{2}_)?/)?|save/(?:_embed/)?)(.+)"),
    "wayback.archive.org": _in_path(r"/(?:web/)?(?:[0-9*]{1,14}/)?(.+)"),
    "archive.ph": _ARCHIVE_TODAY,
    "archive.is": _ARCHIVE_TODAY,
    "archive.today": _ARCHIVE_TODAY,
    "archive.li": _ARCHIVE_TODAY,
    "archive.vn": _ARCHIVE_TODAY,
    "archive.fo": _ARCHIVE_TODAY,
    "archive.md": _ARCHIVE_TODAY,
    "ghostarchive.org": _in_query("url", "term"),
    "arquivo.pt": _in_path(r"/(?:noFrame/replay|wayback|page/view)/\d{4,14}(?:[a-z]{2}_)?/(.+)"),
    "timetravel.mementoweb.org": _in_path(r"/(?:memento|list|reconstruct)/\d{4,14}/(.+)"),
    # Pages made lighter
    "www.google.*": (
        _Way("/url", ("q", "url"), bare=False),
        _Way("/imgres", ("imgurl", "imgrefurl"), bare=True),
        _Way("/s2/favicons", ("domain", "domain_url"), bare=True),
        _Way("/amp/", rest=re.compile(r"/amp/(?:s/)?(.+)", re.DOTALL), bare=True),
        _Way("/gwt/x", ("u",), bare=True),
    ),
    "googleweblight.com": _in_query("u", "lite_url"),
    "www.bing-amp.com": _AMP,
    "yandex.com": _TURBO,
    "yandex.ru": _TURBO,
    "12ft.io": _WHOLE,
    "r.jina.ai": _WHOLE,
    "outline.com": _WHOLE,
    "txtify.it": _WHOLE,
    "www.removepaywall.com": (*_WHOLE, *_in_query("url")),
    "www.printfriendly.com": _in_query("url"),
    "docs.google.com": (_Way("/viewer", ("url",)), _Way("/gview", ("url",))),
    "view.officeapps.live.com": _in_query("src"),
    # Pictures of other sites
    "external-content.duckduckgo.com": _DUCK_IMAGE,
    "proxy.duckduckgo.com": _DUCK_IMAGE,
    "icons.duckduckgo.com": _in_path(r"/ip\d/(.+?)\.ico"),
    "wsrv.nl": _IMAGE,
    "images.weserv.nl": _IMAGE,
    "*.gstatic.com": (_Way("/faviconv2", ("url",)), _Way("/images", ("q",))),
    "*.mm.bing.net": _in_query("u", "url", "riu", bare=False),
    "*.bing.com": (_Way("/ck/a", ("u",)), _Way("/th", ("u", "url", "riu")), _Way("/images/search", ("mediaurl",))),
    "i0.wp.com": _in_path(r"/(.+)"),
    "i1.wp.com": _in_path(r"/(.+)"),
    "i2.wp.com": _in_path(r"/(.+)"),
    "i3.wp.com": _in_path(r"/(.+)"),
    "s0.wp.com": _in_path(r"/mshots/v\d/(.+)"),
    "s.wordpress.com": _in_path(r"/mshots/v\d/(.+)"),
    "image.thum.io": _in_path(r"/get/(?:.*?/)??(https?:.+)"),
    "camo.githubusercontent.com": _in_query("url", bare=False),
    # The last step before another site
    "l.facebook.com": _LEAVING,
    "lm.facebook.com": _LEAVING,
    "www.facebook.com": (_Way("/l.php", ("u",)), _Way("/flx/warn", ("u",))),
    "l.instagram.com": _LEAVING,
    "l.messenger.com": _LEAVING,
    "l.threads.net": _LEAVING,
    "out.reddit.com": _LEAVING,
    "t.umblr.com": _LEAVING,
    "vk.com": _in_query("to", path="/away.php", bare=False),
    "away.vk.com": _LEAVING,
    "steamcommunity.com": _in_query("u", "url", path="/linkfilter", bare=False),
    "www.youtube.com": _in_query("q", path="/redirect", bare=False),
    "duckduckgo.com": _in_query("uddg", path="/l/", bare=False),
    "html.duckduckgo.com": _in_query("uddg", path="/l/", bare=False),
    "*.search.yahoo.com": _in_path(r"/.*?/RU=([^/]+)", bare=False),
}


def inner_target(host: str, url: str | None) -> Target | None:
    """Return what *host* (and *url*, where it is known) shows in place of itself, or ``None``."""
    if host.endswith(_BY_NAME):
        found = _from_name(host, url)
        if found:
            return found
    if url is None:
        return None
    for way in _ways_of(host):
        for text in _texts(way, url):
            target = _read(text, bare=way.bare)
            if target is not None:
                return target
    return None


def _ways_of(host: str) -> tuple[_Way, ...]:
    found = _WAYS.get(host)
    if found is not None:
        return found
    if ".google." in host:
        return _WAYS.get(host.partition(".google.")[0] + ".google.*", ())
    labels = host.split(".")
    for size in (2, 3):
        found = _WAYS.get(".".join(("*", *labels[-size:])))
        if found is not None:
            return found
    return ()


def _from_name(host: str, url: str | None) -> Target | None:
    path = _path_of(url)
    if host.endswith(".translate.goog"):
        return _read(_decode_label(host.removesuffix(".translate.goog")), bare=True, path=path)
    way = _TURBO if host.endswith(".turbopages.org") else _AMP
    for text in (text for each in way for text in _texts(each, url or "")):
        target = _read(text, bare=True)
        if target is not None:
            return target
    label = host.rpartition(".cdn.ampproject.org")[0] or host.rpartition(".turbopages.org")[0]
    return _read(_decode_label(label), bare=True) if "-" in label and "." not in label else None


def _decode_label(label: str) -> str:
    """Decode ``a-b--c-com``: one hyphen was a dot, two were one hyphen (Google's translator and AMP caches)."""
    if label.startswith("0-") and label.endswith("-0"):  # put there where the name could be taken for an A-label
        label = label[2:-2]
    return label.replace("--", "\0").replace("-", ".").replace("\0", "-")


def _texts(way: _Way, url: str) -> Iterator[str]:
    """Yield what *way* finds in *url* that may be an address."""
    path = _path_of(url)
    if not path.lower().startswith(way.path):
        return
    if way.rest is not None:
        found = way.rest.match(path)
        if found:
            text = "://".join(found.groups())
            yield unquote_plus(text) if re.match(r"[^/]*%(?:3a|2f)", text, re.IGNORECASE) else text
    query = path.partition("?")[2]
    if not way.fields or query.count("&") >= _MAX_FIELDS:
        return
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquote_plus(name) in way.fields:
            yield _unwrapped(unquote_plus(value))


def _unwrapped(value: str) -> str:
    """Return *value* without what some put before an address in a query."""
    if value.startswith("a1") and len(value) < 8000:  # Bing's links: base64 without its padding
        try:
            return base64.urlsafe_b64decode(value[2:] + "=" * (-(len(value) - 2) % 4)).decode("utf-8", "replace")
        except ValueError:
            return value
    # Google's cache writes q=cache:ID:address, weserv ssl:address.
    return re.sub(r"^(?:cache:(?:[\w-]{12}:)?|ssl:)", "", value)


def _path_of(url: str | None) -> str:
    if url is None:
        return ""
    at = url.find("/", url.find("://") + 3)
    return url[at:] if at >= 0 else ""


def _read(text: str, *, bare: bool, path: str = "") -> Target | None:
    # Some archives collapse the slashes after the scheme.
    text = re.sub(r"^(https?):/+", r"\1://", text.strip() + (path if path != "/" else ""), flags=re.IGNORECASE)
    if not (bare or text[:8].lower().startswith(("http://", "https://", "//"))):
        return None
    try:
        target = split_target(text)
    except InvalidHost:
        return None
    return target if "." in target.host or ":" in target.host else None
