# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers looked at before they are shown: pages are judged by their text, and lose what leads to harmful places."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mitmproxy import http

from filterd.policy.model import Allow, Block, Cause, Decision, PageView, Stage
from filterd.proxy.block_page import notice_page
from filterd.proxy.bodies import Body, UndecodableBody, unpack
from filterd.proxy.clean_pages import CleanPages
from filterd.proxy.excuses import asked_by, decision_of
from filterd.proxy.fail_closed import as_response
from filterd.proxy.holding import Held, Purse, held_of, hold
from filterd.proxy.judge import Judge
from filterd.proxy.links import Links
from filterd.proxy.page_labels import HEADERS
from filterd.proxy.page_text import may_be_page, read_page
from filterd.proxy.removal import Removal, take_out
from filterd.proxy.safe_requests import ask_for_pages
from filterd.proxy.suggestions import may_suggest, without_refused
from filterd.wording import Notice

MAX_PAGE = 2 << 20  # bytes, unpacked; the head of what is longer is judged
_IN_A_THREAD = 256 << 10  # from here on a page may take longer than others should wait
_WITHOUT_BODY = frozenset({204, 205, 304})

# What was let through by these is not looked at (contract, clauses 1 to 5).
_NO_LOOK = frozenset({Cause.PROTECTION_OFF, Cause.SURVIVAL, Cause.PERMISSION, Cause.ALLOW_LIST})


@dataclass(frozen=True, slots=True, repr=False)
class _Answer:
    """What is judged: taken out of a flow, for another thread."""

    raw: bytes
    content_type: str
    encodings: str
    headers: dict[str, str]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """What became of an answer: refused, changed, or neither; *removed* is what was taken out of it."""

    refusal: Decision | None = None
    changed: bytes | None = None
    removed: tuple[Decision, ...] = ()


class Responses:
    """Holds answers that may be pages, and judges them."""

    def __init__(self, judge: Judge, *, purse: Purse | None = None, max_page: int = MAX_PAGE) -> None:
        self._judge = judge
        self._purse = purse or Purse()
        self._max_page = max_page
        self._links = Links(judge)
        self._clean = CleanPages()

    def prepare(self, flow: http.HTTPFlow) -> None:
        """Make the request of *flow*, which was let through, one whose answer may be shown."""
        decision, modes = decision_of(flow), self._judge.rulebook.safe_modes
        if decision is None:
            return
        if modes is not None:
            modes.force(flow.request, decision)
        if self._is_looked_at(decision):
            ask_for_pages(flow.request)

    def begin(self, flow: http.HTTPFlow) -> None:
        """Hold the answer to *flow*, whose head is here, if it has to be looked at; else let it stream."""
        decision, response = decision_of(flow), flow.response
        if decision is None or response is None or not self._is_looked_at(decision):
            return
        if flow.request.method == "HEAD" or response.status_code in _WITHOUT_BODY or response.status_code < 200:
            return
        kind = response.headers.get("content-type", "")
        if may_be_page(kind) or may_suggest(flow.request.path, kind):
            hold(flow, Held(self._purse, self._max_page))

    async def finish(self, flow: http.HTTPFlow) -> None:
        """Judge the answer to *flow*, of which is here what can be held of it."""
        held, decision, response = held_of(flow), decision_of(flow), flow.response
        if held is None or decision is None or response is None:
            return
        held.judged = True
        held.let_go()
        answer = _answer_of(response, whole=held.whole)
        key = self._clean.key(self._judge.rulebook, _facts(decision, answer), answer.raw)
        if self._clean.knows(key):
            return
        try:
            if len(answer.raw) > _IN_A_THREAD:
                seen = await asyncio.to_thread(self._look, decision, answer)
            else:
                seen = self._look(decision, answer)
        except UndecodableBody:
            # A browser could not show it either; what it would make of it nobody knows.
            page = notice_page(Notice.BROKEN_ANSWER, asked_by(flow), host=decision.request.host)
            flow.response = as_response(page, flow.request)
            return
        for removed in seen.removed:
            self._judge.observe(removed)
        if seen.refusal is not None:
            self._refuse(flow, seen.refusal)
        elif seen.changed is not None:
            _replace_body(response, seen.changed)
        else:
            self._clean.add(key)

    def _is_looked_at(self, decision: Decision) -> bool:
        if self._judge.rulebook.inspection_for(decision.profile) is None:
            return False
        verdict = decision.verdict
        reason = verdict.reason if isinstance(verdict, Allow) else None
        return not (reason and reason.cause in _NO_LOOK)

    def _look(self, decision: Decision, answer: _Answer) -> _Seen:
        body = unpack(answer.raw, answer.encodings, limit=self._max_page)
        if not body.content:
            return _Seen()
        if not may_be_page(answer.content_type):
            return self._look_at_suggestions(decision, body, whole=answer.whole)
        view = read_page(body.content, content_type=answer.content_type, headers=answer.headers)
        judged = self._judge_page(decision, view)
        if isinstance(judged.verdict, Block):
            return _Seen(refusal=judged)
        if not (body.whole and answer.whole) or not self._loses_parts(judged):
            return _Seen()
        modes = self._judge.rulebook.safe_modes
        results = modes is not None and modes.shows_results(decision.request.host)
        removal = take_out(body.content, self._links.on_page(decision), results=results)
        return _seen(removal)

    def _judge_page(self, decision: Decision, view: PageView) -> Decision:
        request = replace(decision.request, stage=Stage.RESPONSE, when=self._judge.clock(), page=view)
        judged = self._judge.rulebook.decide(request)
        return replace(judged, request=replace(request, page=None))  # what was read is kept by nobody

    def _loses_parts(self, judged: Decision) -> bool:
        """Return whether clause 9 was reached: sites of health, schools and the state stand above it."""
        verdict = judged.verdict
        reason = verdict.reason if isinstance(verdict, Allow) else None
        return reason is None or reason.cause not in (*_NO_LOOK, Cause.GUARD_SITE)

    def _look_at_suggestions(self, decision: Decision, body: Body, *, whole: bool) -> _Seen:
        if not (body.whole and whole):
            return _Seen()
        return _seen(without_refused(body.content, self._links.on_page(decision)))

    def _refuse(self, flow: http.HTTPFlow, refusal: Decision) -> None:
        assert isinstance(refusal.verdict, Block)  # noqa: S101 - for the type checker
        self._judge.observe(refusal)
        page = self._judge.refusal_of(refusal, refusal.verdict.reason).page(asked_by(flow))
        flow.response = as_response(page, flow.request)


def _seen(removal: Removal) -> _Seen:
    return _Seen(changed=removal.body, removed=removal.decisions)


def _answer_of(response: http.Response, *, whole: bool) -> _Answer:
    headers = response.headers
    return _Answer(
        response.raw_content or b"",
        headers.get("content-type", ""),
        headers.get("content-encoding", ""),
        {name: headers[name] for name in HEADERS if name in headers},
        whole and response.status_code != 206,
    )


def _facts(decision: Decision, answer: _Answer) -> Iterator[str]:
    """Yield what the judgement of *answer* hangs on, beside its body."""
    client = decision.request.client
    yield from (decision.profile, client.address or "", client.user or "", client.device or "")
    yield from (decision.request.url or "", answer.content_type, answer.encodings, str(answer.whole))
    yield "\n".join(f"{name}:{value}" for name, value in answer.headers.items())


def _replace_body(response: http.Response, body: bytes) -> None:
    """Send *body* in the place of the server's, under headers that are true of it."""
    for name in (
        "content-encoding",
        "transfer-encoding",
        "etag",
        "content-md5",
        "digest",
        "repr-digest",
        "accept-ranges",
    ):
        response.headers.pop(name, None)
    response.headers["content-length"] = str(len(body))
    response.trailers = None
    response.raw_content = body
