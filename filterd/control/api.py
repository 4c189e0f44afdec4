# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API over HTTP: calls in, answers or one-line refusals out. What it can do stands in `rows`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from filterd.control.calls import ApiError, Call, Endpoint, Needs, Peer
from filterd.control.messages import Problem

logger = logging.getLogger(__name__)

MAX_BODY = 4 << 20
PEER = "filterd.peer"  # where the server puts who is at the other end into the scope

_encoder = msgspec.json.Encoder()


def make_app(endpoints: Sequence[Endpoint], is_adult: Callable[[str, Peer], bool]) -> Starlette:
    """Return the application that serves *endpoints*; *is_adult* says whether a token is of an open session."""
    routes = [Route(e.path, _route(e, is_adult), methods=[e.method]) for e in endpoints]
    return Starlette(routes=routes, exception_handlers={HTTPException: _not_ours})


def _route(endpoint: Endpoint, is_adult: Callable[[str, Peer], bool]) -> Callable[[Request], Awaitable[Response]]:
    decoder = msgspec.json.Decoder(endpoint.body) if endpoint.body is not None else None

    async def serve(request: Request) -> Response:
        try:
            call = await _call(request, decoder, is_adult)
            if endpoint.needs is Needs.SESSION:
                call.need_adult()
            answer = await endpoint.handler(call)
        except ApiError as refusal:
            return _refuse(refusal.status, refusal.message, wait_s=refusal.wait_s)
        except Exception as error:  # the edge of the API: told in one line, never with what was sent (a password)
            logger.exception("%s %s failed", endpoint.method, endpoint.path)
            return _refuse(500, f"a bug in the daemon ({type(error).__name__}); see its log")
        if isinstance(answer, Response):
            return answer
        return _json(answer, status=endpoint.status)

    return serve


async def _call(request: Request, decoder: Any, is_adult: Callable[[str, Peer], bool]) -> Call:
    peer = request.scope.get(PEER)
    if not isinstance(peer, Peer):
        raise ApiError(403, "nobody knows who asks: come by the socket")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    length = request.headers.get("content-length", "")
    if len(length) > len(str(MAX_BODY)) or (length.isdigit() and int(length) > MAX_BODY):
        raise _too_large()  # by its own word: nothing of it is waited for
    body = None
    if decoder is not None:
        try:
            body = decoder.decode(await _read(request))
        except msgspec.ValidationError as error:
            raise ApiError(422, str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(400, f"the body is no JSON: {error}") from error
    return Call(peer, is_adult(token, peer), body, dict(request.query_params), dict(request.path_params), token)


async def _read(request: Request) -> bytes:
    read = bytearray()
    try:
        async for part in request.stream():
            read += part
            if len(read) > MAX_BODY:
                raise _too_large()
    except ClientDisconnect as error:
        raise ApiError(400, "the rest of the body did not come") from error
    return bytes(read)


def _too_large() -> ApiError:
    return ApiError(413, f"more than {MAX_BODY >> 20} MB")


async def _not_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for these)
    return _refuse(error.status_code, error.detail)


def _refuse(status: int, message: str, *, wait_s: float = 0.0) -> Response:
    return _json(Problem(error=message, wait_s=round(wait_s, 1)), status=status)


def _json(answer: object, *, status: int) -> Response:
    return Response(_encoder.encode(answer), status_code=status, media_type="application/json")
