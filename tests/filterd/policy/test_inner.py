# SPDX-License-Identifier: GPL-3.0-or-later
"""Translators, caches and archives are seen through."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.domains import InvalidHost, Target, split_target
from filterd.policy.inner import inner_target


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("https://www-example-com.translate.goog/a?_x_tr_sl=en", "http://www.example.com/a?_x_tr_sl=en"),
        ("https://my--site-com-py.translate.goog/", "my-site.com.py"),
        ("https://web.archive.org/web/20200101000000/https://example.com/x", "https://example.com/x"),
        ("https://web.archive.org/web/2020im_/http:/example.com/x", "http://example.com/x"),
        ("https://translate.google.com/translate?sl=auto&u=https://example.com/x", "https://example.com/x"),
        ("https://translate.google.com.py/translate?u=example.com", "example.com"),
        ("https://webcache.googleusercontent.com/search?q=cache:abcdefghijkl:example.com/x", "http://example.com/x"),
        ("https://www.google.com/imgres?imgurl=https://example.com/p.jpg", "https://example.com/p.jpg"),
        ("https://example-com.cdn.ampproject.org/c/s/example.com/x", "http://example.com/x"),
        ("https://example-com.cdn.ampproject.org/", "example.com"),
        ("https://xn----maana--pta-com.translate.goog/", "xn--maana-pta.com"),
        ("https://0-my--site-com-0.translate.goog/", "my-site.com"),
        ("https://www.google.com/amp/s/example.com/x", "http://example.com/x"),
        ("https://www.google.com.py/url?sa=t&q=https%3A%2F%2Fexample.com%2Fx&ved=1", "https://example.com/x"),
        ("https://www.google.com/s2/favicons?domain=example.com&sz=32", "example.com"),
        ("https://t0.gstatic.com/faviconV2?client=SOCIAL&url=http://example.com", "http://example.com"),
        ("https://archive.ph/newest/https://example.com/x", "https://example.com/x"),
        ("https://archive.is/20200101/example.com/", "example.com/"),
        ("https://archive.today/?run=1&url=https://example.com/", "https://example.com/"),
        ("https://web.archive.org/save/example.com", "example.com"),
        ("https://arquivo.pt/wayback/20200101000000/https://example.com/x", "https://example.com/x"),
        (
            "https://external-content.duckduckgo.com/iu/?u=https%3A%2F%2Fexample.com%2Fa.jpg&f=1",
            "https://example.com/a.jpg",
        ),
        ("https://duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2F&rut=1", "https://example.com/"),
        ("https://icons.duckduckgo.com/ip3/example.com.ico", "example.com"),
        ("https://wsrv.nl/?w=100&url=ssl:example.com/a.jpg", "example.com/a.jpg"),
        ("https://images.weserv.nl/?url=example.com/a.jpg", "example.com/a.jpg"),
        ("https://i0.wp.com/example.com/a.jpg?w=100", "example.com/a.jpg?w=100"),
        ("https://s0.wp.com/mshots/v1/https%3A%2F%2Fexample.com%2F?w=400", "https://example.com/?w=400"),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2Fx&h=AT0", "https://example.com/x"),
        ("https://www.youtube.com/redirect?event=x&q=https%3A%2F%2Fexample.com", "https://example.com"),
        ("https://www.bing.com/ck/a?!&&p=f&u=a1aHR0cHM6Ly9leGFtcGxlLmNvbS94&ntb=1", "https://example.com/x"),
        ("https://tse1.mm.bing.net/th?id=OIP.1&riu=http%3a%2f%2fexample.com%2fa.jpg", "http://example.com/a.jpg"),
        (
            "https://r.search.yahoo.com/_ylt=A/RV=2/RE=1/RO=10/RU=https%3a%2f%2fexample.com%2fx/RK=2/RS=1-",
            "https://example.com/x",
        ),
        ("https://translated.turbopages.org/proxy_u/en-es.es.1-2/https/example.com/x", "https://example.com/x"),
        ("https://example-com.turbopages.org/s/example.com/x", "http://example.com/x"),
        ("https://12ft.io/https://example.com/x", "https://example.com/x"),
        ("https://docs.google.com/viewer?url=https://example.com/a.pdf", "https://example.com/a.pdf"),
        ("https://vk.com/away.php?to=http%3A%2F%2Fexample.com", "http://example.com"),
    ],
)
def test_the_inner_address_is_found(outer: str, inner: str) -> None:
    target = split_target(outer)

    assert inner_target(target.host, target.url) == split_target(inner)


def test_a_translated_host_is_seen_by_its_name_alone() -> None:
    assert inner_target("www-example-com.translate.goog", None) == Target("www.example.com")


@pytest.mark.parametrize(
    "outer",
    [
        "https://example.com/?u=http://other.example/",
        "https://www.google.com/search?q=example.com",
        "https://web.archive.org/",
        "https://translate.google.com/?u=hola",
        "https://www.google.com/url?q=example",
        "https://www.google.com/search?q=x&url=http://a.example",
        "https://www.youtube.com/watch?v=abc&q=http://a.example",
        "https://archive.ph/AbCd1",
        "https://encrypted-tbn0.gstatic.com/images?q=tbn:ANd9GcQ",
        "https://translate.goog/",
        "https://www.bing.com/search?u=https://a.example",
        "https://l.facebook.com/l.php?u=hola",
        "https://www.bing.com/ck/a?u=a1!!!",
        "https://docs.google.com/document/d/1?url=http://a.example",
    ],
)
def test_other_addresses_hold_none(outer: str) -> None:
    target = split_target(outer)

    assert inner_target(target.host, target.url) is None


FRONTS = (
    "https://web.archive.org/web/1/", "https://translate.google.com/?u=", "https://x.translate.goog/",
    "https://archive.ph/",
    "https://www.bing.com/ck/a?u=a1", "https://i0.wp.com/", "https://r.search.yahoo.com/a/RU=", "https://wsrv.nl/?url=",
    "https://a-b.cdn.ampproject.org/", "https://www.google.com/url?q=", "https://l.facebook.com/l.php?u=",
)  # fmt: skip
labels = st.from_regex(r"[a-z0-9]([a-z0-9]|-(?!-)){0,8}[a-z0-9]", fullmatch=True)


@given(st.lists(labels, min_size=1, max_size=3))
def test_a_name_is_read_back_from_googles_spelling(parts: list[str]) -> None:
    host = ".".join((*parts, "com"))
    spelled = host.replace("-", "--").replace(".", "-")

    assert inner_target(f"{spelled}.translate.goog", None) == Target(host)


@given(st.sampled_from(["https://www.google.com/url?q={}", "https://l.facebook.com/l.php?h=1&u={}",
                        "https://external-content.duckduckgo.com/iu/?u={}", "https://archive.ph/?url={}",
                        "https://duckduckgo.com/l/?x=y&uddg={}"]),
       st.lists(labels, min_size=1, max_size=3),
       st.from_regex(r"[a-zA-Z0-9/?&=%#._ -]{0,30}", fullmatch=True))  # fmt: skip
def test_an_escaped_address_is_found_whole(outer: str, parts: list[str], path: str) -> None:
    path = path.replace(" ", "%20")  # at the end of an address a space would be left out, and is none of it
    inner = split_target(f"https://{'.'.join((*parts, 'com'))}/{path}".strip())
    target = split_target(outer.format(quote(inner.url or "", safe="")))

    assert inner_target(target.host, target.url) == inner


@given(st.sampled_from(FRONTS), st.text(max_size=60))
def test_no_address_makes_it_fail(front: str, rest: str) -> None:
    try:
        target = split_target(front + rest)
    except InvalidHost:
        return

    assert inner_target(target.host, target.url) is None or inner_target(target.host, target.url) != target
