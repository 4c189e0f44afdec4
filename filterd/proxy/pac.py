# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that tells a browser to use the proxy (proxy auto-configuration)."""

from __future__ import annotations

CONTENT_TYPE = "application/x-ns-proxy-autoconfig"
PATHS = frozenset({"/proxy.pac", "/wpad.dat"})

# It ends in the proxy, never in DIRECT: a browser that does not reach the proxy must fail, not go around it. DIRECT
# are only the names that cannot leave: the device itself, whose own services the proxy could not reach, and
# names without a dot (a printer's), which no public name server answers.
_SCRIPT = """\
function FindProxyForURL(url, host) {{
  if (host === "localhost" || host === "127.0.0.1" || host === "[::1]" || host === "::1" ||
      (host.indexOf(".") < 0 && host.indexOf(":") < 0)) {{
    return "DIRECT";
  }}
  return "PROXY {proxy}";
}}
"""


def make_pac(host: str, port: int) -> bytes:
    """Return the file that leads to the proxy at *host* and *port*."""
    return _SCRIPT.format(proxy=f"{f'[{host}]' if ':' in host else host}:{port}").encode()


def is_pac_path(path: str) -> bool:
    """Return whether *path*, with or without a query, is that of the file."""
    return path.partition("?")[0] in PATHS
