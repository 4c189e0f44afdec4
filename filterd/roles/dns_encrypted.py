# SPDX-License-Identifier: GPL-3.0-or-later
"""The DoT and DoH servers of the DNS role: one without a usable certificate waits, plain DNS never does."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict

from filterd.dns.server import GRACE_S
from filterd.dns.server_doh import DohServer
from filterd.dns.server_dot import DotServer
from filterd.dns.tls import Certificate, CertificateError
from filterd.sockets import Bound

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0  # at certificates that are missing or bad

Serving = tuple[DotServer | DohServer, Certificate]


class EncryptedServers:
    """The servers that *make* returns for *sockets*; *tell* is given what is wrong, empty when nothing is."""

    def __init__(
        self, sockets: Sequence[Bound], *, make: Callable[[Bound], Serving], tell: Callable[[str], None]
    ) -> None:
        self._waiting = list(sockets)
        self._serving: list[tuple[str, DotServer | DohServer, Certificate]] = []
        self._make = make
        self._tell = tell
        self._told = ""
        self._one_at_a_time = asyncio.Lock()  # a reload may come while those that wait are tried again

    async def start(self) -> None:
        """Start those that do not serve yet and can, and tell what is wrong with the others."""
        async with self._one_at_a_time:
            problems = [problem for bound in [*self._waiting] if (problem := await self._start(bound))]
            for kind, _, certificate in self._serving:
                certificate.context()  # has it look at its files, though nobody may come
                problems += [f"{kind}: {certificate.problem}"] if certificate.problem else []
            self._tell_changed("; ".join(dict.fromkeys(problems)))

    async def look_again_forever(self) -> None:
        """Try those that wait again, now and then."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            await self.start()

    async def stop(self) -> None:
        """Answer what is under way, then end."""
        async with asyncio.TaskGroup() as stopping:
            for _, server, _ in self._serving:
                stopping.create_task(server.stop(grace_s=GRACE_S))

    def counters(self) -> Counter[str]:
        """Return what they counted, each under its kind's name."""
        found = Counter[str]()
        for kind, server, _ in self._serving:
            found.update({f"{kind}_{name}": value for name, value in asdict(server.counters).items()})
        return found

    async def _start(self, bound: Bound) -> str:
        """Start the server for *bound*; return why that cannot be, empty where it was done."""
        kind = bound.handed.mode
        try:
            server, certificate = self._make(bound)
        except CertificateError as error:
            return f"{kind}: not served: {error}"
        await server.start()
        self._waiting.remove(bound)
        self._serving.append((kind, server, certificate))
        return ""

    def _tell_changed(self, problem: str) -> None:
        if problem != self._told:
            if problem:
                logger.warning("%s", problem)
            self._told = problem
            self._tell(problem)
