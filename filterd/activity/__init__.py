# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided: counted and kept on this machine only. Imports `policy` only."""
