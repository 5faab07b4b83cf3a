"""The file driver keeps the contract of lock stores."""

from __future__ import annotations

from pathlib import Path

from kernelq import KernelQ
from kernelq.contracts import Capabilities
from kernelq.locks import LockStore
from kernelq.testing import LockStoreSuite
from kernelq_plugins.locks_file.store import FileLockStore


class TestFileLocks(LockStoreSuite):
    url = "memory://"
    capabilities = Capabilities(durable=True, processes=True)  # its engine is nobody's

    def make_store(self, app: KernelQ) -> LockStore:
        return FileLockStore(app, f"file://{self.folder}")

    def make_url(self, folder: Path) -> str:
        self.folder = folder / "einmal ключ"
        return self.url
