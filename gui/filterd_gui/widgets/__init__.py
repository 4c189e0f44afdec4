# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks that pages are made of: one look, names for screen readers, everything by keyboard."""
