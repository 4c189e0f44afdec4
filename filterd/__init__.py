# SPDX-License-Identifier: GPL-3.0-or-later
"""A free, local content filter for families, schools and small internet providers (Ley 5653/2016)."""

__version__ = "0.1.0"
