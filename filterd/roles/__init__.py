# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of the daemon: each puts one edge and the policy together. Imports everything; nothing imports it."""
