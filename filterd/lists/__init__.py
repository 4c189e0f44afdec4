# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscribed lists: fetched, judged before they count, the last good copy kept. Imports `policy` only."""
