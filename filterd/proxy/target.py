# SPDX-License-Identifier: GPL-3.0-or-later
"""Which site a request names, when all the places where it names one agree."""

from __future__ import annotations

import re

from mitmproxy import http

from filterd.policy.domains import InvalidHost, Target, normalise_host, split_target

_not_an_authority = re.compile(r"[@/\\?#%,\s]").search  # read differently by different servers


class BadRequest(ValueError):
    """The request names no site, or two."""


def read_connect(request: http.Request) -> tuple[str, int]:
    """Return host and port that a CONNECT names.

    Raises:
        BadRequest: the host is none.
    """
    try:
        return normalise_host(request.data.host), request.data.port
    except InvalidHost as error:
        raise BadRequest(str(error)) from error


def read_target(request: http.Request, *, tunnel: str | None) -> Target:
    """Return the host and URL of *request*, which came through a tunnel to the host *tunnel*, if one is given.

    What is dialled and what the server is told must be one: a server of many sites obeys the Host header, whatever
    name was judged.

    Raises:
        BadRequest: they are not, or there is none.
    """
    named = request.headers.get_all("host")
    if len(named) > 1 or request.scheme not in ("http", "https"):
        raise BadRequest("a request has one Host header and a scheme of the web")
    authority = request.data.authority.decode("ascii", "replace")  # still there inside a tunnel only
    # Outside a tunnel what is dialled is the request line's host, or the Host header where that has none.
    dialled = tunnel if tunnel is not None else request.data.host
    try:
        host = normalise_host(dialled)
        for name in filter(None, (*named, authority)):
            if _not_an_authority(name) or split_target(name).host != host:
                raise BadRequest("the request names two different sites")
        return split_target(f"{request.scheme}://{_show(host)}:{request.data.port}{_path(request)}")
    except InvalidHost as error:
        raise BadRequest(str(error)) from error


def read_host(request: http.Request, destination: tuple[str, int] | None) -> str | None:
    """Return the host that *request* names where a router has turned it to us on its way to *destination*.

    ``None``: nobody has; the request line says what is dialled. Without a name it is the destination's address.

    Raises:
        BadRequest: the Host header names none.
    """
    if destination is None:
        return None
    named = request.headers.get("host", "").strip()
    if _not_an_authority(named):
        raise BadRequest("the Host header names no host")
    try:
        return split_target(named).host if named else destination[0]
    except InvalidHost as error:
        raise BadRequest(str(error)) from error


def origin_of(host: str, port: int, *, tls: bool) -> str:
    """Return the origin of a page of *host* at *port* as a browser writes it (RFC 6454 §6.2)."""
    scheme, usual = ("https", 443) if tls else ("http", 80)
    return f"{scheme}://{_show(host)}{'' if port == usual else f':{port}'}"


def is_websocket(request: http.Request) -> bool:
    """Return whether *request* asks to go on as a WebSocket (RFC 6455 §4.1)."""
    return request.headers.get("upgrade", "").strip().lower() == "websocket" and request.method == "GET"


def make_plain(request: http.Request, host: str) -> None:
    """Take out of *request* what is meant for a proxy, and every upgrade but a WebSocket; say which *host* is meant."""
    for name in ("proxy-connection", "proxy-authorization"):
        request.headers.pop(name, None)
    if request.is_http2:  # RFC 9113 §8.3.1: the site stands in its own field, and nowhere else
        request.authority = request.authority or request.headers.get("host", "") or _show(host)
        request.headers.pop("host", None)
        return
    request.data.authority = b""  # RFC 9112 §3.2.1: to a server the path alone
    if not request.headers.get("host"):  # HTTP/1.0; servers of many sites need it
        port = request.data.port
        request.headers["Host"] = _show(host) if port == _default_port(request) else f"{_show(host)}:{port}"
    if "upgrade" in request.headers and not is_websocket(request):
        # h2c and whatever else would leave us with bytes that nobody judges (RFC 9110 §7.8: it may be ignored).
        del request.headers["upgrade"]
        request.headers.pop("http2-settings", None)
        tokens = [token.strip() for token in request.headers.get("connection", "").split(",")]
        kept = [token for token in tokens if token.lower() not in ("", "upgrade", "http2-settings")]
        request.headers.pop("connection", None)
        if kept:
            request.headers["Connection"] = ", ".join(kept)


def _path(request: http.Request) -> str:
    path = request.data.path.decode("utf-8", "replace")
    return path if path.startswith("/") else "/"  # OPTIONS *


def _default_port(request: http.Request) -> int:
    return 443 if request.scheme == "https" else 80


def _show(host: str) -> str:
    return f"[{host}]" if ":" in host else host
