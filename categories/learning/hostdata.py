# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that host weights are learned from and judged by: harmful ones with their sources, harmless ones."""

from __future__ import annotations

import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from filterd.policy.hosttext import fold, host_text

# The labels of labeled.tsv and the categories that may learn from them. malware_phishing names look like anything: they
# teach what is *not* pornography or gambling in spite of a suffix (.top, .cyou) that both are fond of.
LABELS = {
    "porn": "pornography",
    "gambling": "gambling",
    "dating": "dating",
    "drugs": "drugs",
    "proxy_vpn": "anonymizers",
    "malware_phishing": "malware",
}

_SUFFIXES = (
    *(".com", ".org", ".net", ".es", ".com.py", ".org.py", ".edu.py", ".gov", ".info", ".de"),
    *(".com.br", ".org.br", ".com.ar", ".org.mx", ".co.uk", ".eu"),
)
_UT1 = (  # the tree's categories whose names must not count as harmless
    *("adult", "agressif", "arjel", "dangerous_material", "dating", "ddos", "dialer", "doh", "drogue", "fakenews"),
    *("gambling", "hacking", "lingerie", "malware", "manga", "mixed_adult", "phishing", "redirector"),
    *("residential-proxies", "sect", "stalkerware", "vpn", "warez"),
)
# A word of the news that names a harmful thing is no harmless host.
_HARMFUL = re.compile(
    "porn|casino|apuest|apost|prostit|poker|put[ao]|xxx|bingo|loter|erotic|masturb|orgasm|orgia|viagra|"
    "marihuan|cocain|maconha|proxy"
)


@dataclass(frozen=True, slots=True)
class Harmful:
    """A name that lists call harmful."""

    host: str
    category: str
    sources: frozenset[str]


@dataclass(slots=True)
class Names:
    """Everything read from the data folder. *background* are popular names that no harmful list holds."""

    harmful: list[Harmful]
    must_allow: dict[str, str]  # host -> its kinds; the doubtful rows left out
    traps: list[str]  # hosts, words and places that hold a bad word
    background: list[str]
    popular: list[str]  # the first 500 of two top lists
    paraguay: list[str]
    taught: list[str] = field(default_factory=list)  # made from harmless-labels.txt
    words: list[str] = field(default_factory=list)  # made from the words of harmless texts


def read_names(data: Path, labels: Path) -> Names:
    """Return the names in the folder *data* (the project's shared data) and those made from the file *labels*."""
    domains = data / "domains"
    harmful = list(_read_harmful(domains / "labeled.tsv.zst"))
    must_allow = dict(_read_must_allow(domains / "must_allow.tsv.zst"))
    top = read_text(data / "toplists/zer0h-2016-top-100000-ranked.txt.zst").split()
    late = [row["rootDomain"] for row in json.loads(read_text(data / "toplists/kikobeats-top-sites-2026.json.zst"))]
    wide = read_text(data / "toplists/chris_top-ranked.list.zst").split()
    listed = set(_read_listed(data / "lists")) | {row.host for row in harmful}
    sites = {site(host) for host in must_allow} | set(map(site, listed))
    background = [host for host in one_a_site(map(clean, top + wide)) if host not in listed and site(host) not in sites]
    return Names(
        harmful=harmful,
        must_allow=must_allow,
        traps=list(_read_traps(domains)),
        background=background,
        popular=[host for host in dict.fromkeys(map(clean, top[:500] + late)) if host not in listed],
        paraguay=[clean(row[0]) for row in _rows(domains / "paraguay_hand_allow.tsv")],
        taught=list(_taught_hosts(labels)),
        words=list(_word_hosts(data / "text")),
    )


def clean(host: str) -> str:
    """Return *host* in lower case, without final dot and ``www.``."""
    return host.strip().lower().rstrip(".").removeprefix("www.")


def site(host: str) -> str:
    """Return what *host* shares with its owner's other names, so that they are not in training and test at once."""
    if not host_text(host).endswith("$"):  # a customer below a hosting parent, whatever that one's country
        return host_text(host)
    labels = host.split(".")
    return ".".join(labels[-3 if len(labels) > 2 and len(labels[-2]) <= 3 and len(labels[-1]) == 2 else -2 :])


def one_a_site(hosts: Iterable[str]) -> Iterator[str]:
    """Yield the first of *hosts* of each site."""
    seen: set[str] = set()
    for host in hosts:
        key = site(host)
        if key not in seen:
            seen.add(key)
            yield host


def part_of(host: str, parts: int) -> int:
    """Return in which of *parts* *host* falls: by its site, the same in every run."""
    return zlib.crc32(site(host).encode()) % parts


def read_text(path: Path) -> str:
    """Return the text of *path*, unpacked if its name ends in ``.zst``."""
    raw = path.read_bytes()
    if path.suffix == ".zst":
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw), read_across_frames=True) as stream:
            raw = stream.read()
    return raw.decode("utf-8", "replace")


def _rows(path: Path) -> Iterator[list[str]]:
    for line in read_text(path).splitlines()[1:]:
        yield line.split("\t")


def _read_harmful(path: Path) -> Iterator[Harmful]:
    for host, label, _, sources in _rows(path):
        if label in LABELS:
            yield Harmful(clean(host), LABELS[label], frozenset(sources.split(",")))


def _read_must_allow(path: Path) -> Iterator[tuple[str, str]]:
    for host, kinds, _, listed, *_rest in _rows(path):
        if listed.count("|") < 1:  # two or more lists: doubtful
            yield clean(host), kinds


def _read_traps(folder: Path) -> Iterator[str]:
    for row in _rows(folder / "scunthorpe_hosts.tsv"):
        if row[1] != "proxy":
            yield clean(row[0])
    for path in sorted(folder.glob("scunthorpe_[wp]*.tsv")):
        for number, row in enumerate(_rows(path)):
            word = re.sub(r"[^a-z0-9-]", "", fold(row[0]))
            if word and not _HARMFUL.search(word):
                yield word + _SUFFIXES[number % len(_SUFFIXES)]


def _read_listed(folder: Path) -> Iterator[str]:
    """Yield every name that a harmful list holds: the popular ones among them must not count as harmless."""
    for path in sorted(folder.glob("*.txt.zst")) + sorted(folder.glob("shalla__*.zst")):
        if not re.search("education|government|hospitals|library|ipv[46]", path.name):
            for line in read_text(path).splitlines():
                words = line.partition("#")[0].split()
                if words:
                    yield clean(words[-1])
    tree = io.BytesIO(zstandard.ZstdDecompressor().stream_reader((folder / "ut1_layout.tar.zst").read_bytes()).read())
    with tarfile.open(fileobj=tree) as archive:
        for name in _UT1:
            member = archive.extractfile(f"blacklists/{name}/domains")
            if member:
                yield from map(clean, member.read().decode("utf-8", "replace").split())


def _taught_hosts(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        for word in [] if line.startswith("#") else line.split():
            at = zlib.crc32(word.encode())
            yield word + ".com"
            yield from (word + _SUFFIXES[(at + step * 7) % len(_SUFFIXES)] for step in range(3))


def _word_hosts(folder: Path) -> Iterator[str]:
    """Yield a host for each longer word of the harmless texts that may teach (README: "train")."""
    words: dict[str, None] = {}
    for name in ("news_es", "guarani_parallel_gn", "wiki_xquad_es", "wiki_xquad_en"):
        for line in read_text(folder / f"{name}.jsonl.zst").splitlines():
            words.update(dict.fromkeys(re.findall(r"[a-z]{5,}", fold(json.loads(line)["text"]))))
    for word in words:
        if not _HARMFUL.search(word):
            yield word + _SUFFIXES[zlib.crc32(word.encode()) % len(_SUFFIXES)]
