# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP edge on mitmproxy. Imports `policy` and `wording` only; every hook fails closed."""
