# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over HTTPS (RFC 8484): from a request to the query in it, from an answer to its response. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from filterd.dns import wire
from filterd.dns.answer import read_answer
from filterd.dns.device_name import device_in_host, is_ours, read_device
from filterd.dns.http_session import MAX_BODY, Request, Response
from filterd.dns.wire import ProtocolError

MEDIA_TYPE = "application/dns-message"
PATH = "/dns-query"

OK, BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, TOO_LARGE, TARGET_TOO_LONG = 200, 400, 404, 405, 413, 414
WRONG_TYPE, MISDIRECTED, TOO_MANY, OVERLOADED = 415, 421, 429, 503
_MAX_ENCODED = (MAX_BODY * 4 + 2) // 3  # base64url without padding


@dataclass(frozen=True, slots=True)
class DohQuery:
    """A query with the id that the device gave of itself, ``None`` where it gave none."""

    raw: bytes
    device: str | None


@dataclass(frozen=True, slots=True)
class Service:
    """What we are: answering for *names* only (another's page must not read our answers by a name that it points to
    us), at *path*.
    """

    names: tuple[str, ...]
    path: str = PATH


def read_request(request: Request, service: Service) -> DohQuery | Response:
    """Return the query in *request*, or how it is refused."""
    host = _host_of(request.authority)
    if not is_ours(host, service.names):
        return Response(MISDIRECTED)  # RFC 9110 §15.5.20
    path, _, parameters = request.target.partition("?")
    if path != service.path and not path.startswith(service.path + "/"):
        return Response(NOT_FOUND)
    given = path[len(service.path) + 1 :]
    device = read_device(given) if given else device_in_host(host, service.names)
    if given and device is None:
        return Response(NOT_FOUND)
    if request.body is None:
        return Response(TOO_LARGE)
    match request.method:
        case "GET":
            found = _read_parameters(parameters)
        case "POST":
            found = _read_body(request.media_type, request.body)
        case _:
            return Response(NOT_ALLOWED, headers=(("allow", "GET, POST"),))
    return found if isinstance(found, Response) else DohQuery(found, device)


def make_response(answer: bytes) -> Response:
    """Return the response that carries *answer*.

    It is fresh for as long as the answer may be kept (RFC 8484 §5.1), and private: another client may get another one.
    """
    return Response(
        OK, answer, (("content-type", MEDIA_TYPE), ("cache-control", f"private, max-age={_max_age(answer)}"))
    )


def service_for(names: Sequence[str], path: str = PATH) -> Service:
    """Return the service under *names*, host names or addresses, at *path*."""
    return Service(tuple(_host_of(f"[{name}]" if name.count(":") > 1 else name) for name in names), path.rstrip("/"))


def _max_age(answer: bytes) -> int:
    try:
        return read_answer(answer).keep_s
    except ProtocolError:
        return 0  # a bare code without a question


def _host_of(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower().removesuffix(".")


def _read_parameters(parameters: str) -> bytes | Response:
    if len(parameters) > _MAX_ENCODED + 256:
        return Response(TARGET_TOO_LONG)
    try:
        found = parse_qs(parameters, max_num_fields=16).get("dns", [])
        if len(found) != 1:
            return Response(BAD_REQUEST)
        text = found[0].rstrip("=").encode()  # RFC 8484 §4.1.1: none is to be there
        raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return Response(BAD_REQUEST)
    if len(raw) > MAX_BODY:
        return Response(TARGET_TOO_LONG)
    return raw if _is_query(raw) else Response(BAD_REQUEST)


def _read_body(media_type: str, body: bytes) -> bytes | Response:
    if media_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        return Response(WRONG_TYPE)
    return body if _is_query(body) else Response(BAD_REQUEST)


def _is_query(raw: bytes) -> bool:
    return len(raw) >= wire.HEADER_SIZE and not raw[2] & wire.QR >> 8
