# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser, with our authority in its store, behind the proxy."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from filterd.policy.model import Client, Decision
from filterd.proxy.actions import BlockPageActions
from filterd.proxy.addon import FilterAddon
from filterd.proxy.authority import load_or_make
from filterd.proxy.inspection import Inspection
from filterd.proxy.runner import Listener
from filterd.wording import Outcome
from tests.e2e.browser import Site, browsing, serving_site
from tests.filterd.proxy import bad_servers
from tests.filterd.proxy.support import GAMBLING, Table, open_rulebook, serving

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("certutil")), reason="needs chromium and certutil (libnss3-tools)"
)

HOSTS = ("shop.example", "casino.example")
SCRIPT = b"""
<!doctype html><title>shop</title><form method="post" action="/form"><input name="a" value="\xc3\xb1"></form>
<img src="https://casino.example:PORT/ad.png" id="ad"><iframe src="https://casino.example:PORT/frame"></iframe>
<script>
async function try_all() {
  const blob = new Uint8Array(3000000).map((_, i) => i);
  const upload = await (await fetch("/upload", {method: "POST", body: blob})).text();
  const part = await fetch("/film", {headers: {Range: "bytes=100-199"}});
  const film = [part.status, part.headers.get("content-range"), (await part.arrayBuffer()).byteLength];
  const whole = (await (await fetch("/film")).arrayBuffer()).byteLength;
  const said = await new Promise((done, fail) => {
    const socket = new WebSocket("wss://shop.example:PORT/socket");
    socket.onopen = () => socket.send("mba'eteko");
    socket.onmessage = (event) => done(event.data);
    socket.onerror = () => fail("socket");
  });
  const blocked = await fetch("https://casino.example:PORT/api").then((a) => a.status, () => "refused");
  const ad = new Image();
  await new Promise((done) => { ad.onload = ad.onerror = done; ad.src = "https://casino.example:PORT/ad.png"; });
  return {upload, film, whole, said, blocked, ad: [ad.complete, ad.naturalWidth],
          protocol: performance.getEntriesByType("navigation")[0].nextHopProtocol};
}
</script>
"""


@dataclass
class House:
    """A proxy that decrypts, a site, and what reached the adult."""

    site: Site
    port: int
    authority: Path
    asked: list[tuple[str, str, bool]] = field(default_factory=list)

    def url(self, host: str, path: str = "/") -> str:
        return f"https://{host}:{self.site.port}{path}"


def _site(tmp_path: Path, recipe: bad_servers.Recipe, signer: bad_servers.Holder) -> Site:
    holder = bad_servers.make(recipe, signer)
    path = tmp_path / "site.pem"
    path.write_bytes(bad_servers.pem_key(holder) + bad_servers.pem(holder))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return Site(context, {})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path, _site(tmp_path, bad_servers.Recipe(names=HOSTS), bad_servers.ROOT)) as made:
        made.site.pages["/"] = SCRIPT.replace(b"PORT", str(made.site.port).encode())
        yield made


@contextlib.contextmanager
def a_house(tmp_path: Path, site: Site) -> Iterator[House]:
    authority = load_or_make(tmp_path / "ca", machine="casa", now=dt.datetime.now(dt.UTC))
    certificate, roots = tmp_path / "authority.pem", tmp_path / "roots.pem"
    certificate.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    roots.write_bytes(bad_servers.pem(bad_servers.ROOT, bad_servers.RSA_ROOT))
    made = House(site, 0, certificate)

    async def ask(*, host: str, profile: str, client: Client, comment: str, wrong: bool) -> Outcome:
        assert (profile, client.address) == ("child", "127.0.0.1")
        made.asked.append((host, comment, wrong))
        return Outcome.SENT

    async def unlock(*, host: str, profile: str, client: Client, code: str) -> Outcome:
        assert (host, profile, client.address) == ("casino.example", "child", "127.0.0.1")
        return Outcome.OPENED if code == "123456" else Outcome.WRONG_CODE

    book = open_rulebook(
        Table({"casino.example": GAMBLING}),
        {name: ["127.0.0.1"] for name in HOSTS},
        Inspection(authority, upstream_ca=roots),
    )
    decisions: list[Decision] = []
    addon = FilterAddon(book, observe=decisions.append, actions=BlockPageActions(ask=ask, unlock=unlock))
    with serving_site(site), serving(addon, [Listener("127.0.0.1", 0)], decisions) as proxy:
        made.port = proxy.port
        yield made


def test_an_ordinary_site_works(house: House, tmp_path: Path) -> None:
    with browsing(tmp_path / "home", house.authority, house.port) as browser:
        browser.open(house.url("shop.example"))
        found = browser.evaluate("try_all()")
        browser.evaluate("document.forms[0].submit()")
        browser.wait_for("location.pathname === '/form' && document.readyState === 'complete'")
        form = browser.text()

    sent = bytes(i % 256 for i in range(3_000_000))
    assert found == {
        "upload": hashlib.sha256(sent).hexdigest(),
        "film": [206, f"bytes 100-199/{len(house.site.film)}", 100],
        "whole": len(house.site.film),
        "said": "mba'eteko",
        "blocked": "refused",  # no CORS header: to the page it is as if nobody were there
        "ad": [True, 1],  # an empty picture, not a broken one
        "protocol": "h2",
    }
    assert form == hashlib.sha256(b"a=%C3%B1").hexdigest()
    assert not [path for path in house.site.asked if path.endswith(("/api", "/ad.png", "/frame"))]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", ("Página bloqueada", "Juegos de azar", "147", "Pedir permiso")),
        ("gn", ("Kuatiarogue ojejokóva", "147", "Ajerure permiso")),
        ("en", ("Page blocked", "Gambling", "147", "Ask for permission")),
    ],
)
def test_a_blocked_site_shows_the_page(house: House, tmp_path: Path, language: str, words: tuple[str, ...]) -> None:
    with browsing(tmp_path / "home", house.authority, house.port, language=language) as browser:
        browser.open(house.url("casino.example", "/ruleta?x=1"))
        shown = browser.text()
        browser.picture(tmp_path / f"blocked-{language}.png")
        width = browser.evaluate("document.documentElement.scrollWidth - innerWidth")

    assert [word for word in words if word not in shown] == []
    assert width <= 0, "it has to be pushed sideways on a phone"
    assert house.site.asked == []


def test_permission_is_asked_for_and_a_code_opens(house: House, tmp_path: Path) -> None:
    with browsing(tmp_path / "home", house.authority, house.port) as browser:
        browser.open(house.url("casino.example", "/ruleta"))
        browser.evaluate("document.querySelector('a[lang=gn]').click()")
        browser.wait_for("document.body.innerText.includes('Ajerure permiso')")
        assert "Pedir permiso" not in browser.text()
        press = "document.querySelector('#filterd-gn button[value=ask]')"
        browser.evaluate("document.querySelector('#filterd-gn textarea').value = 'tarea <b>'")
        browser.evaluate(f"{press}.click()")
        browser.wait_for("location.pathname === '/.filterd/ask' && document.body.innerText.includes('oñemondóma')")
        browser.evaluate("document.querySelector('section:not(.other) a').click()")
        browser.wait_for("location.pathname === '/ruleta' && document.forms.length > 0")
        browser.evaluate("document.querySelector('#filterd-es input[name=code]').value = '123456'")
        browser.evaluate("document.querySelector('#filterd-es details button').click()")
        browser.wait_for("document.body.innerText.includes('Sitio abierto')")

    assert house.asked == [("casino.example", "tarea <b>", False)]
    assert house.site.asked == []


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (bad_servers.Recipe(names=("other.example",)), "no es de «shop.example»"),
        (
            bad_servers.Recipe(names=HOSTS, begins=-30 * dt.timedelta(days=1), ends=-dt.timedelta(days=1)),
            "venció",
        ),
    ],
    ids=["wrong host", "expired"],
)
def test_a_bad_server_shows_its_error(tmp_path: Path, recipe: bad_servers.Recipe, words: str) -> None:
    with (
        a_house(tmp_path, _site(tmp_path, recipe, bad_servers.ROOT)) as house,
        browsing(tmp_path / "home", house.authority, house.port) as browser,
    ):
        browser.open(house.url("shop.example"))
        shown = browser.text()

    assert "La conexión con el sitio no es segura" in shown
    assert words in shown
    assert "bloqueada" not in shown
    assert house.site.asked == []
