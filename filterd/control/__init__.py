# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that tells the state of the daemon and changes it."""
