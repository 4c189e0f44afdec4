# SPDX-License-Identifier: GPL-3.0-or-later
"""A coroutine that mostly waits for one datagram, run without a task of asyncio's.

A task, its future and their handles cost as much as all else that is done for a query which an upstream is asked for.
An errand is the same coroutine, gone on with by whoever has the word that it waits for. As soon as it waits for
anything else it becomes a task, and loses nothing by it.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

logger = logging.getLogger(__name__)


class Word[T]:
    """What one coroutine, in an errand or a task, waits for, and what somebody else says once."""

    __slots__ = ("_error", "_listener", "_said", "_value")

    def __init__(self) -> None:
        self._said = False
        self._value: T
        self._error: Exception | None = None
        self._listener: Callable[[], None] | None = None

    def __await__(self) -> Generator[Any, None, T]:
        """Return what is said."""
        if not self._said:
            if asyncio.current_task() is None:
                yield self
            else:
                future = asyncio.get_running_loop().create_future()
                self._listener = lambda: None if future.done() else future.set_result(None)
                yield from future
        if self._error is not None:
            raise self._error
        return self._value

    def say(self, value: T) -> None:
        """Say *value*; who waits for it goes on before this returns, if that is an errand."""
        self._value = value
        self._tell()

    def fail(self, error: Exception) -> None:
        """Say that there is nothing but *error*, on the same terms."""
        self._error = error
        self._tell()

    def go_to(self, listener: Callable[[], None]) -> None:
        """Call *listener* when something is said."""
        self._listener = listener

    def _tell(self) -> None:
        self._said = True
        listener, self._listener = self._listener, None
        if listener is not None:
            listener()


class Errand[T]:
    """*coroutine* on its way; *when_done* is called at its end, unless `begin` saw that."""

    __slots__ = ("_coroutine", "_task", "_when_done", "is_done", "result")

    def __init__(self, coroutine: Coroutine[Any, Any, T], when_done: Callable[[Errand[T]], None]) -> None:
        self.is_done = False
        self.result: T | None = None  # once it is done; ``None`` where it was cancelled or failed
        self._coroutine = coroutine
        self._when_done = when_done
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> bool:
        """Go as far as nothing is waited for, and return whether that was all. To be called outside of tasks."""
        return self._step(None)

    def cancel(self) -> None:
        """End it wherever it is, as `asyncio.Task.cancel` does."""
        if self._task is not None:
            self._task.cancel()
        elif not self.is_done and self._step(asyncio.CancelledError()):
            self._when_done(self)

    def _go_on(self) -> None:
        if not self.is_done and self._step(None):
            self._when_done(self)

    def _step(self, error: BaseException | None) -> bool:
        """Go on to the next word, or with *error*; return whether there was none."""
        try:
            waited = self._coroutine.send(None) if error is None else self._coroutine.throw(error)
        except StopIteration as end:
            self.result = end.value
        except asyncio.CancelledError:
            pass
        except Exception:
            # Whose word is waited for has others to tell: nobody's bug may keep it from them.
            logger.exception("an errand failed")
        else:
            if waited.__class__ is Word:
                waited.go_to(self._go_on)
            else:
                work = _go_on_as_task(self._coroutine, waited)
                self._task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
                self._task.add_done_callback(self._finish)
            return False
        self.is_done = True
        return True

    def _finish(self, task: asyncio.Task[T]) -> None:
        self.is_done = True
        if not task.cancelled():
            if error := task.exception():
                logger.error("an errand failed", exc_info=error)
            else:
                self.result = task.result()
        self._when_done(self)


async def become_task() -> None:
    """Go on as a task of asyncio's, which alone can be timed out: to be awaited before each `asyncio.timeout`."""
    if asyncio.current_task() is None:
        await _ask_to_become_task()


@types.coroutine
def _ask_to_become_task() -> Generator[None]:
    yield None


async def _go_on_as_task[T](coroutine: Coroutine[Any, Any, T], waited: Any) -> T:
    return await _carry_on(coroutine, waited)


@types.coroutine
def _carry_on[T](coroutine: Coroutine[Any, Any, T], waited: Any) -> Generator[Any, Any, T]:
    """Carry *coroutine*, which waits for *waited* (``None``: for nothing more), to its end."""
    is_waiting = waited is not None
    while True:
        error: BaseException | None = None
        if is_waiting:
            try:
                yield waited
            except BaseException as thrown:  # noqa: BLE001 (it is the coroutine's to catch)
                error = thrown
        is_waiting = True
        try:
            waited = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration as end:
            value: T = end.value
            return value
