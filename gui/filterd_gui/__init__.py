# SPDX-License-Identifier: GPL-3.0-or-later
"""The responsible adult's panel. It talks to the daemon by `daemon_link` alone and never waits for it."""
