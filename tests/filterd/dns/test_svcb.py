# SPDX-License-Identifier: GPL-3.0-or-later
"""Service records lose what leads around the filter, and nothing else."""

from __future__ import annotations

import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import svcb
from filterd.dns.svcb import hints, read_service, strip, write_service
from filterd.dns.wire import ProtocolError

ECH = 'ech="AAj+DQAEAQIDBA=="'


def record(text: str) -> bytes:
    """Return the data of the HTTPS record that *text* is in a zone file."""
    return dns.rdata.from_text("IN", "HTTPS", text).to_wire() or b""


def shown(rdata: bytes | None) -> str | None:
    return None if rdata is None else dns.rdata.from_wire("IN", "HTTPS", rdata, 0, len(rdata)).to_text()


@pytest.mark.parametrize(
    ("given", "left"),
    [
        pytest.param(f'1 . alpn="h2" {ECH}', '1 . alpn="h2"', id="ECH"),
        pytest.param('1 . alpn="h3,h2"', '1 . alpn="h2"', id="HTTP/3"),
        pytest.param('1 . alpn="h3-29,h3-Q050,h2,http/1.1"', '1 . alpn="h2,http/1.1"', id="its drafts"),
        pytest.param('1 x.example. alpn="h3" port="8443"', '1 x.example. port="8443"', id="the default is left"),
        pytest.param('1 . alpn="h3" no-default-alpn', None, id="nothing is left"),
        pytest.param('1 . alpn="h2,h3" no-default-alpn', '1 . alpn="h2" no-default-alpn', id="one is left"),
        pytest.param(f'1 . mandatory="alpn,ech" alpn="h2" {ECH}', '1 . mandatory="alpn" alpn="h2"', id="mandatory"),
        pytest.param(f'1 . mandatory="ech" alpn="h2" {ECH}', '1 . alpn="h2"', id="nothing mandatory is left"),
        pytest.param('1 . mandatory="alpn" alpn="h3" port="1"', '1 . port="1"', id="mandatory HTTP/3"),
        pytest.param('1 . alpn="h2" key667="x"', '1 . alpn="h2" key667="x"', id="what we do not know stays"),
        pytest.param("0 x.example.", "0 x.example.", id="an alias"),
        pytest.param("1 .", "1 .", id="no parameters"),
    ],
)
def test_where_connections_are_inspected_ech_and_http_3_go(given: str, left: str | None) -> None:
    assert shown(strip(record(given), inspected=True)) == (left and shown(record(left)))


def test_elsewhere_they_stay_byte_for_byte() -> None:
    rdata = record(f'1 . alpn="h3" no-default-alpn {ECH}')

    assert strip(rdata, inspected=False) is rdata


def test_hinted_addresses_that_are_refused_go() -> None:
    rdata = record('1 . mandatory="ipv6hint" ipv4hint="192.0.2.1,192.0.2.66" ipv6hint="2001:db8::66"')

    left = strip(rdata, inspected=False, refuses=lambda packed: packed[-1] in (66, 0x66))

    assert shown(left) == shown(record('1 . ipv4hint="192.0.2.1"'))


def test_hints_are_read() -> None:
    rdata = record('1 . ipv4hint="192.0.2.1,192.0.2.2" ipv6hint="2001:db8::1"')

    assert [packed[-1] for packed in hints(rdata)] == [1, 2, 1]


MALFORMED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\0\1", id="no name"),
    pytest.param(b"\0\1\0\0\1\0", id="cut before a length"),
    pytest.param(b"\0\1\0\0\1\0\5h2", id="cut in a value"),
    pytest.param(b"\0\1\0\0\3\0\0\0\1\0\0", id="out of order"),
    pytest.param(b"\0\1\0\0\2\0\0\0\2\0\0", id="twice the same key"),
    pytest.param(b"\0\1\0\0\4\0\3\1\2\3", id="a hint of three bytes"),
    pytest.param(b"\0\1\0\0\4\0\0", id="an empty hint"),
]


@pytest.mark.parametrize("rdata", MALFORMED)
def test_a_malformed_record_could_hide_anything_and_goes_where_that_matters(rdata: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_service(rdata)
    assert strip(rdata, inspected=True) is None
    assert strip(rdata, inspected=False) is rdata
    assert list(hints(rdata)) == []


params = st.dictionaries(
    st.integers(0, 0xFFFF).filter(lambda key: key not in (svcb.IPV4HINT, svcb.IPV6HINT)), st.binary(max_size=20)
)


@given(params)
def test_what_is_written_is_read_back(params: dict[int, bytes]) -> None:
    head = b"\0\1\1x\0"

    assert read_service(write_service(head, params)) == (head, dict(sorted(params.items())))


@given(params, st.booleans())
def test_what_is_left_can_be_read_and_has_nothing_new(params: dict[int, bytes], refused: bool) -> None:
    head = b"\0\1\0"
    rdata = write_service(head, params | {svcb.IPV4HINT: bytes(8)})

    left = strip(rdata, inspected=True, refuses=lambda _: refused)

    if left is not None:
        kept = read_service(left)[1]
        assert svcb.ECH not in kept
        assert kept.keys() <= params.keys() | {svcb.IPV4HINT}
        assert strip(left, inspected=True, refuses=lambda _: refused) == left


@given(st.binary(max_size=80), st.booleans())
def test_rubbish_does_no_harm(rdata: bytes, inspected: bool) -> None:
    list(hints(rdata))
    left = strip(rdata, inspected=inspected, refuses=lambda packed: packed[0] % 2)

    assert left is None or len(left) <= len(rdata)
