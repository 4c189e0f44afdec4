# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped lists of what stays open hold real names, each once, and none that harms."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard

from filterd.lists.suffixes import load_public_suffixes
from filterd.policy.domains import depth, normalise_host, suffixes
from filterd.policy.safesearch import SafeSearch

ROOT = Path(__file__).parents[2]
CATEGORIES = ROOT / "categories"
SHARED = ROOT.parent / "shared" / "data"
SITES = tuple(sorted((CATEGORIES / "never-block" / "sites").glob("*.txt")))
PLATFORMS = tuple(sorted((CATEGORIES / "never-block" / "platforms").glob("*.txt")))
OTHERS = tuple(CATEGORIES / name for name in ("survival.txt", "only-allowed.txt", "hosting-parents.txt"))
UNGUARDED = {"anonymizers", "malware", "phishing"}  # the guard never opens these, so a name may stand in both

needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared/data is not here: measured names are absent"
)

# Labels that a registry keeps for the State, the armed forces, schools, courts and the like.
_LABELS = """
ac cc def ed edu es fed gc go gob gok gop gos gouv gov govt gub gv hs idf int jus k12 kg leg lg lib mi mil mp ms muni
nsn re res sc sch school sci sec tc tec univ
"""
INSTITUTIONS = set(_LABELS.split())
# Suffixes whose label does not say it, with the reason that makes them restricted.
RESTRICTED = {
    "edu": "accredited American universities",
    "gov": "American public bodies",
    "int": "organisations founded by treaty",
    "mil": "the American armed forces",
    "va": "the Vatican's own",
    "xn--mxtq1m": "Taiwan's government",
    "org.py": "non-profit bodies that prove it with their statutes; Paraguay's help lines stand there",
    "coop.py": "cooperatives registered with INCOOP",
    "nhs.uk": "the health service",
    "police.uk": "the police",
    "bel.tr": "municipalities",
    "pol.tr": "the police",
    "tsk.tr": "the armed forces",
    "dep.no": "ministries",
    "stat.no": "the State",
    "kommune.no": "municipalities",
    "fhs.no": "folk high schools",
    "vgs.no": "secondary schools",
    "riik.ee": "the State",
    "ens.tn": "schools",
    "eun.eg": "universities",
    "desa.id": "villages' administrations",
    "med.sa": "health bodies",
    "cri.nz": "Crown research institutes",
    "health.nz": "health bodies",
    "iwi.nz": "Māori authorities",
    "parliament.nz": "the parliament",
    "sp.gov.br": "the State of São Paulo",
    "rj.gov.br": "the State of Rio de Janeiro",
    "pr.gov.br": "the State of Paraná",
    "nic.in": "the government's computing centre",
    "rub.de": "a university, whose members publish below it",
}
# Popular and not to be kept open: pornography, betting, dating, pirated copies, deceitful advertisements.
_POPULAR = """
xvideos.com pornhub.com bongacams.com xhamster.com xnxx.com txxx.com redtube.com hclips.com youporn.com upornia.com
chaturbate.com livejasmin.com tube8.com dmm.co.jp eyny.com bet365.com badoo.com
kat.cr torrentz.eu thepiratebay.se putlocker.is kinogo.co nyaa.se streamcloud.eu rutracker.org youtube-mp3.org
onclickads.net adnetworkperformance.com directrev.com tradeadexchange.com liveadexchanger.com popcash.net
terraclicks.com loading-delivery2.com adplxmd.com doublepimp.com spaceshipads.com exoclick.com rdsa2012.com
reimageplus.com mystart.com
"""
NOT_KEPT = set(_POPULAR.split())


def read_names(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [entry for line in lines if (entry := line.partition("#")[0].rstrip(" "))]


def read_all(paths: tuple[Path, ...]) -> list[str]:
    return [name for path in paths for name in read_names(path)]


@pytest.fixture(scope="module")
def sites() -> set[str]:
    return set(read_all(SITES))


@pytest.fixture(scope="module")
def platforms() -> set[str]:
    return set(read_all(PLATFORMS))


@pytest.fixture(scope="module")
def hosting_parents() -> set[str]:
    return set(read_names(CATEGORIES / "hosting-parents.txt"))


@pytest.fixture(scope="module")
def survival() -> set[str]:
    return set(read_names(CATEGORIES / "survival.txt"))


@pytest.fixture(scope="module")
def only_allowed() -> set[str]:
    return set(read_names(CATEGORIES / "only-allowed.txt"))


@pytest.fixture(scope="module")
def engines() -> SafeSearch:
    return SafeSearch.from_mapping(tomllib.loads((CATEGORIES / "safesearch.toml").read_text(encoding="utf-8")))


def harmful_names() -> Iterator[tuple[str, str]]:
    """Yield category and name of what our own lists of the decree's categories hold."""
    for path in sorted(CATEGORIES.glob("*/category.toml")):
        category: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        names = path.with_name("domains.txt")
        if path.parent.name in UNGUARDED or category.get("optional") or not names.is_file():
            continue
        yield from ((path.parent.name, name) for name in read_names(names))


def covered(host: str, names: set[str]) -> bool:
    return any(domain in names for domain in suffixes(host))


def read_shared_tsv(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((SHARED / "domains" / name).read_text(encoding="utf-8")), delimiter="\t"))


def read_shared_zst(name: str) -> str:
    with (
        (SHARED / "toplists" / name).open("rb") as packed,
        zstandard.ZstdDecompressor().stream_reader(packed) as stream,
    ):
        return stream.read().decode("utf-8")


@pytest.mark.parametrize("path", [*SITES, *PLATFORMS, *OTHERS], ids=lambda path: path.name)
def test_every_line_is_a_name_in_its_canonical_form(path: Path) -> None:
    wrong = [
        name for name in read_names(path) if name != normalise_host(name) or not re.fullmatch(r"[a-z0-9.-]+", name)
    ]

    assert wrong == []


@pytest.mark.parametrize("path", [*SITES, *PLATFORMS, *OTHERS], ids=lambda path: path.name)
def test_every_file_says_what_it_holds(path: Path) -> None:
    licence, description, *_ = path.read_text(encoding="utf-8").splitlines()

    assert licence == "# SPDX-License-Identifier: GPL-3.0-or-later"
    assert description.startswith("# ")
    assert read_names(path)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_no_name_stands_twice_in_a_file(path: Path) -> None:
    assert [name for name, times in Counter(read_names(path)).items() if times > 1] == []


def test_no_name_stands_twice_under_never_block() -> None:
    assert [name for name, times in Counter(read_all(SITES + PLATFORMS)).items() if times > 1] == []


def test_nothing_kept_open_is_in_a_list_of_harmful_sites(sites: set[str], platforms: set[str]) -> None:
    assert [(category, name) for category, name in harmful_names() if name in sites or name in platforms] == []


def test_nothing_for_small_children_is_in_a_list_of_harmful_sites(only_allowed: set[str]) -> None:
    assert [(category, name) for category, name in harmful_names() if covered(name, only_allowed)] == []


def test_only_restricted_registries_are_kept_open_whole(sites: set[str]) -> None:
    public = load_public_suffixes()
    whole = {name for name in sites if public.is_suffix(name)}

    institutions = {name for name in whole if depth(name) > 1 and name.partition(".")[0] in INSTITUTIONS}

    assert whole - institutions - RESTRICTED.keys() == set()


@pytest.mark.parametrize(
    "suffix", ["com.py", "net.py", "py", "com", "org", "net", "edu.pl", "ac.nz", "school.nz", "edu.vn"]
)
def test_a_registry_open_to_anybody_is_not_kept_open(sites: set[str], platforms: set[str], suffix: str) -> None:
    assert not covered(f"whatever.{suffix}", sites | platforms)


def test_no_platform_is_a_whole_registry(platforms: set[str]) -> None:
    public = load_public_suffixes()

    assert {name for name in platforms if name in public.registries or depth(name) < 2} == set()


def test_a_host_of_strangers_pages_is_no_site(sites: set[str], hosting_parents: set[str]) -> None:
    assert sites & hosting_parents == set()


def test_every_ending_of_google_is_a_platform(platforms: set[str], engines: SafeSearch) -> None:
    homes = {host.removeprefix("www.") for host, target in engines.engines.items() if target.engine == "google"}

    assert homes - platforms == set()


@pytest.mark.parametrize(
    "host",
    [
        "diputados.gov.py",
        "facultad.una.py",
        "escuela.edu.py",
        "www.abc.com.py",
        "essexct.gov",
        "middlesexcc.edu",
        "www.essex.ac.uk",
        "plannedparenthood.org",
        "www.scarleteen.com",
        "breastcancer.org",
        "gamblersanonymous.org",
        "www.aa.org",
        "findahelpline.com",
        "nationaleatingdisorders.org",
        "unaids.org",
        "lgbt.foundation",
        "thehotline.org",
        "vaticannews.va",
        "gn.wikipedia.org",
    ],
)
def test_what_filters_block_by_mistake_is_kept_open_as_a_site(sites: set[str], host: str) -> None:
    assert covered(host, sites)


@pytest.mark.parametrize("host", sorted(NOT_KEPT))
def test_harmful_popular_sites_are_not_kept_open(host: str, sites: set[str], platforms: set[str]) -> None:
    assert not covered(host, sites | platforms)


@pytest.mark.parametrize(
    "parent",
    [
        "blogspot.com",
        "blogspot.com.br",
        "wordpress.com",
        "tumblr.com",
        "github.io",
        "wixsite.com",
        "eklablog.com",
        "altervista.org",
        "telegra.ph",
        "sites.google.com",
        "translate.goog",
        "amazonaws.com",
        "cloudfront.net",
        "workers.dev",
        "duckdns.org",
        "bit.ly",
        "ipfs.io",
    ],
)
def test_the_well_known_shared_hosts_are_known(hosting_parents: set[str], parent: str) -> None:
    assert parent in hosting_parents


def test_survival_holds_what_joining_a_network_needs(survival: set[str]) -> None:
    needed = {
        "captive.apple.com",
        "connectivitycheck.gstatic.com",
        "www.msftconnecttest.com",
        "dns.msftncsi.com",
        "detectportal.firefox.com",
        "pool.ntp.org",
        "time.windows.com",
        "ocsp.digicert.com",
        "r3.o.lencr.org",
        "c.pki.goog",
        "ctldl.windowsupdate.com",
        "deb.debian.org",
    }

    assert needed - survival == set()


def test_survival_opens_no_site_engine_or_shared_host(
    survival: set[str], sites: set[str], platforms: set[str], hosting_parents: set[str], engines: SafeSearch
) -> None:
    shows_something = sites | platforms | hosting_parents | engines.hosts | engines.unsafe
    public = load_public_suffixes()

    assert survival & shows_something == set()
    assert {name for name in survival if depth(name) < 2 or public.is_suffix(name)} == set()


def test_the_starter_list_is_of_a_size_that_an_adult_can_read(only_allowed: set[str]) -> None:
    assert 60 <= len(only_allowed) <= 120


def test_the_starter_list_opens_no_shared_host_and_no_general_engine(
    only_allowed: set[str], hosting_parents: set[str], engines: SafeSearch
) -> None:
    assert [host for host in hosting_parents | engines.hosts | engines.unsafe if covered(host, only_allowed)] == []


@pytest.mark.parametrize(
    "host",
    ["mec.gov.py", "es.wikipedia.org", "upload.wikimedia.org", "cdn.kastatic.org", "pbskids.org", "es.vikidia.org"],
)
def test_the_starter_list_opens_school_work_and_what_it_needs(only_allowed: set[str], host: str) -> None:
    assert covered(host, only_allowed)


@needs_shared_data
def test_the_paraguayan_hosts_that_must_stay_open_stand_by_name(sites: set[str], platforms: set[str]) -> None:
    hosts = {row["host"] for row in read_shared_tsv("paraguay_hand_allow.tsv")}

    assert hosts - sites - platforms == set()


@needs_shared_data
def test_the_wrong_blocks_found_in_public_lists_stand_by_name(
    sites: set[str], platforms: set[str], hosting_parents: set[str]
) -> None:
    hosts = {row["host"] for row in read_shared_tsv("overblock_gold.tsv")}

    assert hosts - sites - platforms - hosting_parents == set()


@needs_shared_data
def test_public_bodies_with_an_unlucky_name_are_kept_open(sites: set[str]) -> None:
    rows = read_shared_tsv("scunthorpe_hosts.tsv")
    bodies = {row["host"] for row in rows if row["kinds"] in {"government", "university"}}

    assert {host for host in bodies if not covered(host, sites)} == set()


@needs_shared_data
def test_the_harmless_among_the_popular_names_are_kept_open(
    sites: set[str], platforms: set[str], hosting_parents: set[str]
) -> None:
    ranked = read_shared_zst("zer0h-2016-top-100000-ranked.txt.zst").split()[:500]
    listed = json.loads(read_shared_zst("kikobeats-top-sites-2026.json.zst"))
    # The list writes "…" for the end of names that were too long for it.
    whole = {entry["rootDomain"] for entry in listed if not entry["rootDomain"].endswith("...")}
    popular = whole | set(ranked)

    missing = {host for host in popular if not (covered(host, sites | platforms) or host in hosting_parents)}

    assert missing - NOT_KEPT == set()
