# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's pages: each asks the link, shows what came, and asks for changes."""
