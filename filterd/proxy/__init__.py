# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP edge on mitmproxy. Imports `policy` only; every hook fails closed."""
