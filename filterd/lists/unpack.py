# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists out of whatever they are packed in, as a stream: gzip, zstd, tar, folders, one in the other."""

from __future__ import annotations

import codecs
import io
import tarfile
import zlib
from collections.abc import Buffer, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import zstandard

from filterd.lists.model import ListError

MIB = 1 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAX_LAYERS = 3  # a .tar.gz that the server packs once more on the way
_MAX_WINDOW = 1 << 27  # zstd --long=27; more is memory that the sender chooses
_ZSTD_STEP = 256  # bytes fed at once: zstd writes up to 128 KiB for four of them
_GZIP_STEP = 1 << 16


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much a list may grow: the compressed form is the sender's choice, the memory and disk are ours."""

    unpacked: int = 1024 * MIB
    ratio: int = 200  # a list of names packs five to twenty times; a bomb a thousand times and more
    ratio_from: int = 16 * MIB
    members: int = 10_000
    line: int = 1 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """A file within what was fetched; *name* is its path there, empty for what was no archive."""

    name: str
    lines: Iterator[str]  # to be read before the next member is asked for


def open_members(path: Path, limits: UnpackLimits | None = None) -> Iterator[Member]:
    """Yield the files in *path*: a folder, an archive or one plain list.

    Raises:
        ListError: it is cut, it grows out of bounds, or it holds paths that lead outside.
    """
    limits = limits or UnpackLimits()
    try:
        if path.is_dir():
            yield from _walk(path, limits)
            return
        with path.open("rb") as file:
            stream = _unwrap(io.BufferedReader(file, 1 << 16), limits)
            if _is_tar(stream):
                yield from _untar(stream, limits)
            else:
                yield Member("", _lines(stream, limits))
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror or error})") from error


def _walk(folder: Path, limits: UnpackLimits) -> Iterator[Member]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if len(files) > limits.members:
        raise ListError(f"{folder}: holds {len(files)} files; at most {limits.members} are read")
    for path in files:
        with path.open("rb") as file:
            yield Member(path.relative_to(folder).as_posix(), _lines(file, limits))


def _unwrap(stream: io.BufferedReader, limits: UnpackLimits) -> io.BufferedReader:
    for _ in range(_MAX_LAYERS):
        head = stream.peek(4)
        if head.startswith(_GZIP):
            stream = io.BufferedReader(_Unpacked(stream, _new_gunzip, _GZIP_STEP, limits), 1 << 16)
        elif head.startswith(_ZSTD):
            stream = io.BufferedReader(_Unpacked(stream, _new_unzstd, _ZSTD_STEP, limits), 1 << 16)
        else:
            break
    return stream


class _Decompressor(Protocol):
    """What zlib and zstandard have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, packed: bytes, /) -> bytes: ...


def _new_gunzip() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _new_unzstd() -> _Decompressor:
    return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()


class _Unpacked(io.RawIOBase):
    """The inside of a compressed stream; several frames after one another are one content."""

    def __init__(
        self, packed: io.BufferedReader, new: Callable[[], _Decompressor], step: int, limits: UnpackLimits
    ) -> None:
        self._packed = packed
        self._new = new
        self._step = step
        self._limits = limits
        self._decompressor = new()
        self._left = b""  # packed, read but not used
        self._ready = memoryview(b"")
        self._taken = self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill *buffer* whole unless the content ends: then a peek shows enough to tell a tar by."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (self._ready or self._refill()):
            size = min(len(view) - filled, len(self._ready))
            view[filled : filled + size] = self._ready[:size]
            self._ready = self._ready[size:]
            filled += size
        return filled

    def _refill(self) -> bool:
        while not self._ready:
            packed = self._left or self._packed.read(self._step)
            self._left = b""
            if not packed:
                if not self._decompressor.eof:
                    raise ListError("cut: the compressed file ends before its content does")
                return False
            if self._decompressor.eof:
                if not packed.strip(b"\0"):  # padding, as tapes and block devices leave it
                    continue
                self._decompressor = self._new()
            self._taken += len(packed)
            try:
                content = self._decompressor.decompress(packed)
            except (zlib.error, zstandard.ZstdError) as error:
                raise ListError(f"damaged: the compressed file cannot be unpacked ({error})") from error
            self._left = self._decompressor.unused_data if self._decompressor.eof else b""
            self._taken -= len(self._left)
            self._count(len(content))
            self._ready = memoryview(content)
        return True

    def _count(self, size: int) -> None:
        self._given += size
        limits = self._limits
        if self._given > limits.unpacked:
            raise ListError(f"too large: it unpacks to more than {limits.unpacked // MIB} MiB")
        if self._given > limits.ratio_from and self._given > self._taken * limits.ratio:
            raise ListError(f"no list: it unpacks to more than {limits.ratio} times its size")


def _is_tar(stream: io.BufferedReader) -> bool:
    head = stream.peek(tarfile.BLOCKSIZE)[: tarfile.BLOCKSIZE]
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _Tail(io.RawIOBase):
    """Remembers the last two blocks that were read: a tar that is whole ends in zeros."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.last = b""

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(size)
        self.last = (
            (self.last + chunk)[-2 * tarfile.BLOCKSIZE :] if len(chunk) < 2 * tarfile.BLOCKSIZE else chunk[-1024:]
        )
        return chunk


def _untar(stream: io.BufferedReader, limits: UnpackLimits) -> Iterator[Member]:
    tail = _Tail(stream)
    try:
        with tarfile.open(fileobj=tail, mode="r|", errorlevel=2) as archive:
            for number, info in enumerate(archive, 1):
                if number > limits.members:
                    raise ListError(f"the archive holds more than {limits.members} files")
                path = PurePosixPath(info.name)
                if path.is_absolute() or ".." in path.parts:
                    raise ListError(f"the archive names a path outside itself: {info.name!r}")
                content = archive.extractfile(info) if info.isreg() else None
                if content:
                    yield Member(info.name, _lines(content, limits))
    except tarfile.TarError as error:
        raise ListError(f"cut or damaged: the archive cannot be read to its end ({error})") from error
    while tail.read(1 << 16):
        pass
    if tail.last.strip(b"\0"):
        raise ListError("cut: the archive has no end mark")


def _lines(stream: _Readable, limits: UnpackLimits) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    for chunk in _chunks(stream, limits):
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        if len(rest) > limits.line:
            raise ListError("no list: it has a line without end (binary content?)")
        yield from whole
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _chunks(stream: _Readable, limits: UnpackLimits) -> Iterator[bytes]:
    read = 0
    try:
        while chunk := stream.read(1 << 18):
            read += len(chunk)
            if read > limits.unpacked:
                raise ListError(f"too large: more than {limits.unpacked // MIB} MiB")
            yield chunk
    except tarfile.TarError as error:
        raise ListError(f"cut or damaged: the archive cannot be read to its end ({error})") from error
    except OSError as error:
        raise ListError(f"it cannot be read ({error.strerror or error})") from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...
