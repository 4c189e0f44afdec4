# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m filterd` is the command `filterd`."""

from filterd.cli import main

if __name__ == "__main__":
    main()
