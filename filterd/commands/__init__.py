# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of `filterd`, one module each. Imported when called, so that `filterd --help` is quick."""
