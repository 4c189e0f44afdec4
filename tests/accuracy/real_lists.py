# SPDX-License-Identifier: GPL-3.0-or-later
"""The real lists of the shared data folder, subscribed over a local web server, and the names that measure them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared" / "data"
FILTERD = [sys.executable, str(ROOT / "filterd" / "__main__.py")]

# file in lists/ -> category, format
LISTS: dict[str, tuple[str, str]] = {
    "ut1_layout.tar.zst": ("all", "ut1"),
    "porn-other__4skinSkywalker-HOSTS.txt.zst": ("pornography", "hosts"),
    "blocklistproject__drugs-nl.txt.zst": ("drugs", "auto"),
    "blocklistproject__ransomware-nl.txt.zst": ("malware", "auto"),
    "blocklistproject__scam-nl.txt.zst": ("fraud", "auto"),
    "blocklistproject__vaping-nl.txt.zst": ("tobacco", "auto"),
    "doh-vpn-proxy__dibdot-doh-domains.txt.zst": ("anonymizers", "auto"),
    "doh-vpn-proxy__sparks-vpns.txt.zst": ("anonymizers", "auto"),
    "nextdns-bypass-encrypted-dns": ("anonymizers", "auto"),
    "nextdns-bypass-proxies": ("anonymizers", "auto"),
    "nextdns-bypass-tor": ("anonymizers", "auto"),
    "nextdns-bypass-vpn": ("anonymizers", "auto"),
    "shalla__aggressive.domains.zst": ("hate", "domains"),
    "shalla__alcohol.domains.zst": ("alcohol", "domains"),
    "shalla__dating.domains.zst": ("dating", "domains"),
    "shalla__drugs.domains.zst": ("drugs", "domains"),
    "shalla__gamble.domains.zst": ("gambling", "domains"),
    "shalla__hacking.domains.zst": ("hacking", "domains"),
    "shalla__violence.domains.zst": ("violence", "domains"),
    "shalla__warez.domains.zst": ("crime", "domains"),
    "shalla__weapons.domains.zst": ("weapons", "domains"),
    "shalla__education_schools.domains.zst": ("never-block-site", "domains"),
    "shalla__government.domains.zst": ("never-block-site", "domains"),
    "shalla__hospitals.domains.zst": ("never-block-site", "domains"),
    "shalla__library.domains.zst": ("never-block-site", "domains"),
    "shalla__sex_education.domains.zst": ("never-block-site", "domains"),
}
BAD_ON_PURPOSE = {"porn_2.27M_perf.txt.zst": ("pornography", "domains")}

# What a label of labeled.tsv is in our categories. `sect` has none: the decree does not name it.
OURS: dict[str, frozenset[str]] = {
    "porn": frozenset({"pornography", "adult"}),
    "gambling": frozenset({"gambling"}),
    "dating": frozenset({"dating"}),
    "doh": frozenset({"anonymizers"}),
    "proxy_vpn": frozenset({"anonymizers"}),
    "drugs": frozenset({"drugs"}),
    "hate": frozenset({"hate"}),
    "malware_phishing": frozenset({"malware", "phishing", "fraud"}),
    "weapons": frozenset({"weapons"}),
    "violence_gore": frozenset({"violence", "hate"}),
    "alcohol_tobacco": frozenset({"alcohol", "tobacco"}),
}


def write_config(path: Path, *, port: int, lists: dict[str, tuple[str, str]]) -> None:
    """Write a configuration that subscribes *lists* from the web server on *port*."""
    text = f'[paths]\nstate = "{path.parent}/state"\nruntime = "{path.parent}/run"\n'
    for name, (category, written_in) in lists.items():
        url = f"http://127.0.0.1:{port}/{name}"
        text += f'[lists.{list_id(name)}]\ncategory = "{category}"\nurl = "{url}"\nformat = "{written_in}"\n'
    path.write_text(text)


def list_id(name: str) -> str:
    """Return the id under which the file *name* is subscribed."""
    return name.partition(".")[0].replace("__", "-").replace("_", "-").lower()


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `filterd` to its end."""
    return subprocess.run([*FILTERD, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=600)


@dataclass(frozen=True)
class Row:
    """A name of the shared data, with all its columns."""

    host: str
    columns: dict[str, str]


def read_rows(name: str) -> list[Row]:
    """Return the rows of ``domains/<name>``, packed or not."""
    path = SHARED / "domains" / name
    content = path.read_bytes()
    if path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    return [Row(row["host"], row) for row in csv.DictReader(io.StringIO(content.decode()), delimiter="\t")]


def read_popular() -> list[str]:
    """Return the popular names: the first 500 of 2016 and those of 2026."""
    packed = (SHARED / "toplists" / "zer0h-2016-top-100000-ranked.txt.zst").read_bytes()
    ranked = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read().decode().split()[:500]
    packed = (SHARED / "toplists" / "kikobeats-top-sites-2026.json.zst").read_bytes()
    recent = json.loads(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read())
    return list(dict.fromkeys([*ranked, *(entry["rootDomain"] for entry in recent)]))


def judge(config: Path, names: Iterable[str]) -> Iterator[dict[str, object]]:
    """Yield what `filterd check --batch` says of each of *names*, as the child profile sees it."""
    out = run("check", "--batch", "-", "--config", str(config), stdin="".join(f"{name}\n" for name in names))
    if out.returncode:
        raise RuntimeError(out.stderr)
    yield from map(json.loads, out.stdout.splitlines())
