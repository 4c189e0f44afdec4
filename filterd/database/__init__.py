# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled category database: one file, mapped read-only by every role. Imports `policy` only."""
