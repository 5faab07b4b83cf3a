"""Compression: the drivers that make the bodies of messages smaller.

    app.conf.task_compression = "zstd"           # every call
    @app.task(compression="gzip")                # every call of one task
    report.apply_async((rows,), compression="lzma")

======================  ======================  ==================================================
name                    in the message          needs
======================  ======================  ==================================================
gzip, zlib              application/x-gzip      nothing
bzip2, bzip, bz2        application/x-bz2       nothing
lzma, xz                application/x-lzma      nothing
zstd, zstandard         application/zstd        ``pip install 'kernelq[zstd]'``; nothing from Python 3.14 on
brotli                  application/x-brotli    ``pip install 'kernelq[brotli]'``
======================  ======================  ==================================================

Names, content types and bytes are those of Celery, so a Celery peer reads them, and its bodies are read here. A worker
reads whatever is in this table, without a setting; its library must be installed there too. Which to take: zstd, the
smallest for its time. On 160 KB of JSON, milliseconds to write and what is left of the size: zstd 0.5 and 11 %, gzip
1.7 and 16 %, brotli 3 and 10 %, bzip2 15 and 9 %, lzma 84 and 7 %. Below some 500 bytes none is worth it.

Guarantee: reading stops at the setting `task_max_size`, however much the bytes would grow to, and takes no more
than `MEMORY` besides; bytes that were cut off, are not of this kind, or go on after their end are an error that names the
compressor.

What it does not do: compress results, or choose by size.
"""

from __future__ import annotations

from kernelq import KernelQ, hookimpl
from kernelq.contracts import Compressor

MEMORY = 128 * 1024 * 1024
"""Bytes that reading may take for its window; bytes may ask for more than a machine has (lzma: 4 GiB)."""

_DRIVERS = {
    "application/x-gzip": "gzip",
    "application/x-bz2": "bzip2",
    "application/x-lzma": "lzma",
    "application/zstd": "zstd",
    "application/x-brotli": "brotli",
}


@hookimpl
def make_compressor(app: KernelQ, name: str) -> Compressor | None:
    """The driver of a content type, so that none of the others is imported to ask for its own."""
    return app.compressor(_DRIVERS[name]) if name in _DRIVERS else None
