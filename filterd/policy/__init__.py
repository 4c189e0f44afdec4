# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided, and why. Pure: no I/O, no clock, no asyncio, no logging; imports nothing else of ours."""
