"""The compressors: what they make is read again, by Celery too, and bytes that lie about themselves are refused."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
from typing import Any

import kombu.compression
import pytest
from kernelq import KernelQ
from kernelq.contracts import DecodeError, Message, Verdict
from kernelq.errors import DriverNotFound

NAMES = {
    "gzip": "application/x-gzip",
    "zlib": "application/x-gzip",
    "bzip2": "application/x-bz2",
    "bzip": "application/x-bz2",
    "bz2": "application/x-bz2",
    "lzma": "application/x-lzma",
    "xz": "application/x-lzma",
    "zstd": "application/zstd",
    "zstandard": "application/zstd",
    "brotli": "application/x-brotli",
}
EVERY = pytest.mark.parametrize("name", ["gzip", "bzip2", "lzma", "zstd", "brotli"])
DATA = b"the same again and again " * 400


@pytest.mark.parametrize("name", NAMES)
def test_what_is_compressed_is_read_again(app: KernelQ, name: str) -> None:
    compressor = app.compressor(name)

    small = compressor.compress(DATA)

    assert compressor.content_type == NAMES[name]
    assert len(small) < len(DATA) / 10
    assert compressor.decompress(small, sys.maxsize) == DATA
    assert compressor.decompress(small, len(DATA)) == DATA


@EVERY
def test_nothing_and_noise_are_read_again(app: KernelQ, name: str) -> None:
    compressor = app.compressor(name)

    for data in (b"", b"\x00", bytes(range(256)) * 5):
        assert compressor.decompress(compressor.compress(data), len(data)) == data


@EVERY
def test_data_that_would_grow_beyond_the_limit_is_refused(app: KernelQ, name: str) -> None:
    compressor = app.compressor(name)

    with pytest.raises(DecodeError, match=f"{name} data that would grow beyond 9,999 bytes"):
        compressor.decompress(compressor.compress(DATA), len(DATA) - 1)


@EVERY
def test_a_bomb_is_never_unpacked(app: KernelQ, name: str) -> None:
    compressor, limit = app.compressor(name), 200_000
    bomb = compressor.compress(bytes(25_000_000))

    tracemalloc.start()
    with pytest.raises(DecodeError, match="would grow beyond 200,000 bytes"):
        compressor.decompress(bomb, limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 15_000_000  # the window of lzma is 8 MiB


def test_bytes_that_ask_for_a_huge_window_are_refused(app: KernelQ) -> None:
    # The head of the old format: properties, the size of the window, the size of what follows.
    wide = b"\x5d" + (1 << 30).to_bytes(4, "little") + b"\xff" * 8 + bytes(32)

    with pytest.raises(DecodeError, match="not lzma data: Memory usage limit"):
        app.compressor("lzma").decompress(wide, sys.maxsize)


@EVERY
@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_data_that_was_cut_off_is_refused(app: KernelQ, name: str, cut: int) -> None:
    compressor = app.compressor(name)

    with pytest.raises(DecodeError, match=f"not {name} data"):
        compressor.decompress(compressor.compress(DATA)[:cut], sys.maxsize)


@EVERY
@pytest.mark.parametrize("foreign", [b"[[], {}, {}]", b"\xff" * 100, bytes(100)])
def test_foreign_bytes_are_refused(app: KernelQ, name: str, foreign: bytes) -> None:
    with pytest.raises(DecodeError, match=f"not {name} data"):
        app.compressor(name).decompress(foreign, sys.maxsize)


@EVERY
@pytest.mark.parametrize("limit", [sys.maxsize, len(DATA)])
def test_bytes_after_the_end_are_refused(app: KernelQ, name: str, limit: int) -> None:
    compressor = app.compressor(name)

    with pytest.raises(DecodeError, match=f"not {name} data"):
        compressor.decompress(compressor.compress(DATA) + b"more", limit)


def test_gzip_reads_the_format_of_its_name_too(app: KernelQ) -> None:
    assert app.compressor("gzip").decompress(gzip.compress(DATA), len(DATA)) == DATA


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bz2"])
def test_celery_reads_what_we_write_and_we_what_it_writes(app: KernelQ, name: str) -> None:
    theirs, content_type = kombu.compression.compress(DATA, name)

    assert content_type == app.compressor(name).content_type
    assert app.compressor(content_type).decompress(theirs, len(DATA)) == DATA
    assert kombu.compression.decompress(app.compressor(name).compress(DATA), content_type) == DATA


# --- on the way of a message


@pytest.mark.parametrize("name", NAMES)
def test_a_compressed_call_runs(app: KernelQ, lane: Any, name: str) -> None:
    @app.task(name="proj.size")
    def size(text: str) -> int:
        return len(text)

    result = size.apply_async(("x" * 5000,), compression=name)
    delivery = lane.take()
    lane.run(delivery)

    assert delivery.message.compression == NAMES[name]
    assert len(delivery.message.body) < 200
    assert result.get(timeout=30) == 5000


def test_the_call_decides_then_the_task_then_the_setting(app: KernelQ) -> None:
    app.conf.task_compression = "bzip2"
    plain = app.task(name="proj.plain")(print)
    own = app.task(name="proj.own", compression="zlib")(print)

    def compression(task: Any, **options: Any) -> str | None:
        message: Message = app.publisher.message(task, task.name, (1,), {}, options)
        return message.compression

    assert compression(plain) == "application/x-bz2"
    assert compression(own) == "application/x-gzip"
    assert compression(own, compression="xz") == "application/x-lzma"


def test_a_retry_with_other_arguments_is_compressed_as_the_call_was(app: KernelQ, lane: Any) -> None:
    @app.task(name="proj.again", bind=True)
    def again(self: Any, text: str) -> int:
        if self.request.retries == 0:
            raise self.retry(("y" * 3000,), countdown=0)
        return len(text)

    result = again.apply_async(("x",), compression="zstd")
    lane.run()
    delivery = lane.take()
    lane.run(delivery)

    assert delivery.message.compression == "application/zstd"
    assert result.get(timeout=30) == 3000


def test_a_bomb_in_a_message_goes_to_the_dead_letters(app: KernelQ, lane_of: Any) -> None:
    app.conf.task_max_size = 10_000
    app.task(name="proj.note")(print)
    bomb = app.compressor("zstd").compress(b"[" * 1_000_000)
    app.broker.publish([Message(id="a", task="proj.note", body=bomb, compression="application/zstd")])

    transition = lane_of(app).run()

    assert transition is not None
    assert transition.verdict is Verdict.DEAD
    [effect] = transition.effects
    assert b"zstd data that would grow beyond 10,000 bytes" in effect.op.value


def test_an_unknown_compressor_is_an_error_of_the_call_that_names_those_there_are(app: KernelQ) -> None:
    task = app.task(name="proj.note")(print)

    with pytest.raises(DriverNotFound, match="no compressor driver for 'gzpi' .*brotli.*gzip.*zstd"):
        task.apply_async((1,), compression="gzpi")


def test_a_missing_library_says_what_to_install(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.delitem(sys.modules, "kernelq_plugins.compression.brotli", raising=False)

    with pytest.raises(DriverNotFound, match=r"pip install 'kernelq\[brotli\]'"):
        app.compressor("application/x-brotli")
    assert app.compressor("application/zstd").decompress(app.compressor("zstd").compress(DATA), len(DATA)) == DATA


def test_a_missing_library_is_no_hindrance_to_others(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.delitem(sys.modules, "kernelq_plugins.compression.brotli", raising=False)

    with pytest.raises(DriverNotFound, match="no compressor driver for 'application/x-squashed'"):
        app.compressor("application/x-squashed")
