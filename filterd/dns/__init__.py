# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS edge: datagrams to a decision and back. Imports `policy` only; a bug answers SERVFAIL, never a leak."""
