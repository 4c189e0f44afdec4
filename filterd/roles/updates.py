"""placeholder until lists/schedule.py is there"""
import asyncio
class Updates:
    def __init__(self, config): self._e = asyncio.Event()
    def wake(self): pass
    async def run(self, get): await asyncio.Event().wait()
