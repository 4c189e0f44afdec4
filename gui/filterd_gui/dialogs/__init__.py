# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows that ask one thing: the password, a new one, the first start."""
