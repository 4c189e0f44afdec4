# SPDX-License-Identifier: GPL-3.0-or-later
"""The address inside an address: translators, caches and archives show other sites under their own name (B8)."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from filterd.policy.domains import InvalidHost, Target, split_target

_TRANSLATED = ".translate.goog"
_ARCHIVED = re.compile(r"/web/[0-9]{1,14}(?:[a-z]{2}_)?/(.+)", re.DOTALL)
_AMP_CACHE = ".cdn.ampproject.org"

# host -> the query parameters that carry the page's address
_BY_PARAMETER = {
    "translate.google.com": ("u",),
    "translate.googleusercontent.com": ("u",),
    "translate.yandex.com": ("url",),
    "translate.yandex.ru": ("url",),
    "www.translatetheweb.com": ("a",),
    "www.microsofttranslator.com": ("a",),
    "translate.bing.com": ("a",),
    "webcache.googleusercontent.com": ("q",),
    "cc.bingj.com": ("u",),
    "archive.ph": ("url",),
    "archive.today": ("url",),
    "archive.is": ("url",),
    "www.google.com": ("imgurl", "imgrefurl"),
}


def inner_target(host: str, url: str | None) -> Target | None:
    """Return what *host* (and *url*, where it is known) shows in place of itself, or ``None``."""
    if host.endswith(_TRANSLATED):
        return _read(_decode_label(host.removesuffix(_TRANSLATED)), _path_of(url))
    if host.endswith(_AMP_CACHE):
        return _from_amp(host, url)
    if url is None:
        return None
    if host == "web.archive.org":
        found = _ARCHIVED.match(_path_of(url))
        return _read(found[1]) if found else None
    parameters = _BY_PARAMETER.get(host)
    if parameters is None and host.startswith(("translate.google.", "www.google.")):
        parameters = _BY_PARAMETER[host.split(".")[0] + ".google.com"]
    return _from_query(url, parameters) if parameters else None


def _decode_label(label: str) -> str:
    """Decode ``a-b--c-com``: one hyphen was a dot, two were one hyphen (Google's translate.goog)."""
    return label.replace("--", "\0").replace("-", ".").replace("\0", "-")


def _from_amp(host: str, url: str | None) -> Target | None:
    path = re.match(r"/[civ](?:/s)?/(.+)", _path_of(url)) if url else None
    if path:
        return _read(path[1])
    label = host.removesuffix(_AMP_CACHE)
    return _read(_decode_label(label)) if "-" in label and "." not in label else None


def _from_query(url: str, parameters: tuple[str, ...]) -> Target | None:
    query = parse_qs(urlsplit(url).query, max_num_fields=100) if url.count("&") < 100 else {}
    for name in parameters:
        for value in query.get(name, ()):
            # Google's cache writes q=cache:ID:address
            found = _read(re.sub(r"^cache:(?:[\w-]{12}:)?", "", value))
            if found and "." in found.host:
                return found
    return None


def _path_of(url: str | None) -> str:
    if url is None:
        return ""
    at = url.find("/", url.find("://") + 3)
    return url[at:] if at >= 0 else ""


def _read(text: str, path: str = "") -> Target | None:
    # Some archives collapse the slashes after the scheme.
    text = re.sub(r"^(https?):/+", r"\1://", text + (path if path != "/" else ""))
    try:
        return split_target(text)
    except InvalidHost:
        return None
