# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists come out of their packing, and nothing else does."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filterd.lists.model import ListError
from filterd.lists.unpack import MIB, UnpackLimits, open_members
from tests.filterd.lists.support import tar, tar_gz, zst

TEXT = "# a list\nbad.example\nworse.example\n"
LINES = ["# a list", "bad.example", "worse.example"]


def read(path: Path, limits: UnpackLimits | None = None) -> dict[str, list[str]]:
    return {member.name: list(member.lines) for member in open_members(path, limits)}


def store(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "list"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        gzip.compress(TEXT.encode()),
        zst(TEXT.encode()),
        gzip.compress(gzip.compress(TEXT.encode())),
        gzip.compress(TEXT[:10].encode()) + gzip.compress(TEXT[10:].encode()),
        zst(TEXT[:10].encode()) + zst(TEXT[10:].encode()),
        gzip.compress(TEXT.encode()) + b"\0" * 512,
        b"\xef\xbb\xbf" + TEXT.encode(),
    ],
    ids=[
        "plain",
        "gzip",
        "zstd",
        "gzip twice",
        "two gzip members",
        "two zstd frames",
        "padded gzip",
        "byte order mark",
    ],
)
def test_a_list_comes_out_of_its_packing(tmp_path: Path, content: bytes) -> None:
    assert read(store(tmp_path, content)) == {"": LINES}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zst], ids=["tar", "tar.gz", "tar.zst"])
def test_an_archive_is_its_files(tmp_path: Path, pack: type[bytes]) -> None:
    packed = pack(tar({"blacklists/adult/domains": TEXT, "blacklists/adult/usage": "black\n"}))

    assert read(store(tmp_path, packed)) == {"blacklists/adult/domains": LINES, "blacklists/adult/usage": ["black"]}


def test_a_folder_is_its_files(tmp_path: Path) -> None:
    (tmp_path / "tree" / "adult").mkdir(parents=True)
    (tmp_path / "tree" / "adult" / "domains").write_text(TEXT)
    (tmp_path / "tree" / "adult" / "linked").symlink_to("/etc/passwd")

    assert read(tmp_path / "tree") == {"adult/domains": LINES}


def test_links_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    packed = tar({"adult/domains": TEXT}, links={"porn/domains": "/etc/passwd"})

    assert read(store(tmp_path, packed)) == {"adult/domains": LINES}


@pytest.mark.parametrize("name", ["/etc/passwd", "../../outside", "adult/../../outside"])
def test_an_archive_that_names_paths_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ListError, match="outside"):
        read(store(tmp_path, tar({name: TEXT})))


@pytest.mark.parametrize("pack", [gzip.compress, zst], ids=["gzip", "zstd"])
@pytest.mark.parametrize("missing", [1, 9, 40])
def test_a_packing_that_is_cut_is_refused(tmp_path: Path, pack: type[bytes], missing: int) -> None:
    content = pack("".join(f"{n * 7919 % 100003}.example\n" for n in range(1000)).encode())

    with pytest.raises(ListError, match=r"cut|damaged"):
        read(store(tmp_path, content[:-missing]))


@pytest.mark.parametrize("at", [600, 1024, 1536, 2048])
def test_an_archive_that_is_cut_is_refused(tmp_path: Path, at: int) -> None:
    content = tar({"a/domains": TEXT, "b/domains": TEXT})

    with pytest.raises(ListError, match="cut"):
        read(store(tmp_path, content[:at]))


def test_a_packing_that_is_damaged_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(TEXT.encode() * 20))
    content[20] ^= 0xFF

    with pytest.raises(ListError, match="damaged"):
        read(store(tmp_path, bytes(content)))


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    bomb = gzip.compress(b"bad.example\n" * (3 * MIB))

    with pytest.raises(ListError, match="times its size"):
        read(store(tmp_path, bomb), UnpackLimits(ratio=100))


def test_a_zstd_bomb_is_stopped_long_before_it_is_big(tmp_path: Path) -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(b"\n" * (256 * MIB))

    with pytest.raises(ListError, match="times its size"):
        read(store(tmp_path, bomb))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_list_that_is_too_large_is_refused(tmp_path: Path, pack: type[bytes]) -> None:
    with pytest.raises(ListError, match="too large"):
        read(store(tmp_path, pack(TEXT.encode() * 100)), UnpackLimits(unpacked=1_000))


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="line without end"):
        read(store(tmp_path, b"x" * 100_000), UnpackLimits(line=1_000))


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    content = tar({f"f{number}": "" for number in range(6)})

    with pytest.raises(ListError, match="more than 5 files"):
        read(store(tmp_path, content), UnpackLimits(members=5))


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"f{number}").touch()

    with pytest.raises(ListError, match="holds 6 files"):
        read(tmp_path, UnpackLimits(members=5))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="nowhere"):
        read(tmp_path / "nowhere")


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert read(store(tmp_path, b"")) == {"": []}


def test_names_in_an_old_encoding_cost_no_more_than_themselves(tmp_path: Path) -> None:
    assert read(store(tmp_path, b"caf\xe9.example\nbad.example\n"))[""][1] == "bad.example"


def test_long_content_is_streamed(tmp_path: Path) -> None:
    lines = [f"host{number}.example" for number in range(100_000)]
    packed = tar_gz({"adult/domains": "\n".join(lines)})

    assert read(store(tmp_path, packed)) == {"adult/domains": lines}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    content=st.binary(max_size=2_000), head=st.sampled_from([b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08\0"])
)
def test_whatever_comes_is_lines_or_refused(tmp_path: Path, content: bytes, head: bytes) -> None:
    try:
        members = read(store(tmp_path, head + content))
    except ListError:
        return

    assert all(isinstance(line, str) for lines in members.values() for line in lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(at=st.integers(0, 3_000), flipped=st.integers(1, 255))
def test_whatever_happens_to_an_archive_it_is_read_or_refused(tmp_path: Path, at: int, flipped: int) -> None:
    content = bytearray(tar({"a/domains": TEXT, "b/domains": TEXT}))
    content[at] ^= flipped

    try:
        members = read(store(tmp_path, bytes(content)))
    except ListError:
        return

    assert all(isinstance(line, str) for lines in members.values() for line in lines)


def test_a_sparse_member_is_no_way_around_the_limit(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("adult/domains")
        info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"}
        archive.addfile(info)

    with pytest.raises(ListError):
        read(store(tmp_path, out.getvalue()), UnpackLimits(unpacked=1_000_000))
