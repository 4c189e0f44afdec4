# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that refuse our certificate are let through for some hours, where nothing is lost by it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from filterd.policy.model import Allow, Cause, Decision
from filterd.proxy.fingerprint import Shape

KEEP_FOR = timedelta(hours=12)
FORGET_AFTER = timedelta(days=2)  # refusals that lie further apart are no habit
REFUSALS = 3  # in separate minutes: a page full of pictures is refused twenty times in one
_MAX_KEPT = 512

# A site that no category may close, or that the adult opened by name or by category: so one that stands on a list.
# Not a platform, which shows everything; not what is on no list; and a rewritten search is never let go.
_LEARNABLE = frozenset({Cause.ALLOW_LIST, Cause.GUARD_SITE, Cause.SURVIVAL, Cause.CATEGORY_OPEN})


class LearnedError(ValueError):
    """What was learned and kept cannot be read."""


class Program(NamedTuple):
    """Which program of which client wants which host."""

    client: str  # user, device or address: the best that is known
    host: str
    mark: str


@dataclass(frozen=True, slots=True)
class PassThrough:
    """What was learned about a program, for an adult to see. *until* is ``None`` where the adult forbade it."""

    program: Program
    until: datetime | None


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    client: str
    host: str
    mark: str
    until: datetime | None


class Learned:
    """Remembers who refused, and who is let through until when. Small, and kept by *save* at each change.

    The adult's word stands: what is forbidden is not learned again.

    Raises:
        LearnedError: *saved*, what *save* was given last, is damaged.
    """

    def __init__(
        self,
        *,
        saved: bytes = b"",
        save: Callable[[bytes], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._save = save
        self._clock = clock
        self._refusals: OrderedDict[Program, tuple[datetime, ...]] = OrderedDict()
        self._known: OrderedDict[Program, datetime | None] = OrderedDict()
        if saved:
            try:
                found = msgspec.json.decode(saved, type=list[_Saved])
            except msgspec.MsgspecError as error:
                raise LearnedError(f"what was learned is damaged ({error}); delete it: it is learned anew") from error
            self._known.update((Program(entry.client, entry.host, entry.mark), entry.until) for entry in found)

    def covers(self, program: Program) -> bool:
        """Return whether *program* is let through undecrypted now."""
        until = self._known.get(program)
        return until is not None and self._clock() < until

    def note_refusal(self, program: Program) -> bool:
        """Count that *program* refused our certificate; return whether it is let through from now on."""
        if program in self._known and self._known[program] is None:
            return False
        now = self._clock()
        before = [moment for moment in self._refusals.pop(program, ()) if timedelta() <= now - moment < FORGET_AFTER]
        if not before or now - before[-1] >= timedelta(minutes=1):
            before.append(now)
        if len(before) < REFUSALS:
            self._refusals[program] = tuple(before)
            _shorten(self._refusals)
            return False
        self._set(program, now + KEEP_FOR)
        return True

    def note_success(self, program: Program) -> None:
        """Forget the refusals of *program*: it does take our certificate."""
        self._refusals.pop(program, None)

    def entries(self) -> list[PassThrough]:
        """Return what is let through or forbidden, latest first."""
        now = self._clock()
        current = [(program, until) for program, until in self._known.items() if until is None or now < until]
        return [PassThrough(program, until) for program, until in reversed(current)]

    def revoke(self, program: Program) -> None:
        """Decrypt for *program* again; it may be learned anew."""
        self._refusals.pop(program, None)
        if self._known.pop(program, None) is not None:
            self._keep()

    def forbid(self, program: Program) -> None:
        """Decrypt for *program* again, and never learn otherwise."""
        self._refusals.pop(program, None)
        self._set(program, None)

    def permit(self, program: Program) -> None:
        """Take back that *program* is forbidden."""
        if program in self._known and self._known[program] is None:
            del self._known[program]
            self._keep()

    def _set(self, program: Program, until: datetime | None) -> None:
        self._known.pop(program, None)
        self._known[program] = until
        _shorten(self._known)
        self._keep()

    def _keep(self) -> None:
        now = self._clock()
        saved = [_Saved(*program, until) for program, until in self._known.items() if until is None or now < until]
        self._save(msgspec.json.encode(saved))


def program_of(decision: Decision, shape: Shape) -> Program | None:
    """Return which program asked for what *decision* is about; ``None`` where it may never be let through."""
    reason = decision.verdict.reason if isinstance(decision.verdict, Allow) else None
    if reason is None or reason.cause not in _LEARNABLE or shape.browser or not shape.mark:
        return None
    client = decision.request.client
    return Program(client.user or client.device or client.address or "", decision.request.host, shape.mark)


def _shorten[Value](kept: OrderedDict[Program, Value]) -> None:
    while len(kept) > _MAX_KEPT:
        kept.popitem(last=False)
