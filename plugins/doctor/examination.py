"""The examination: all checks of one app's broker and result backend, in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from importlib.metadata import entry_points
from typing import Final

from kernelq import KernelQ, KernelQError
from kernelq.contracts import KINDS, Finding, ImproperlyConfigured, load_driver, mask

from .address import check_addresses
from .backend_probe import BackendProbe
from .broker_probe import BrokerProbe
from .check import Check, Level, ok, warning
from .explanation import explain, scheme_of

_LEVELS: Final[dict[str, Level]] = {"ok": "ok", "warning": "warning", "refused": "failed"}


class Examination:
    """Checks what `app` is configured to use. Where a check fails that the next ones need, they are left out."""

    def __init__(self, app: KernelQ) -> None:
        self._app = app
        self._left: list[Check] = []  # what could not be cleaned up

    def run(self) -> Iterator[Check]:
        """Each check as soon as it is made."""
        broker_url, backend_url = self._app.broker_url, self._app.backend_url
        is_reached = False
        for check in self._guarded("broker", broker_url, self._broker(broker_url)):
            is_reached = is_reached or check.name == "delivery"
            yield check
        if backend_url is None and is_reached:
            yield ok("results", "none are kept: no result backend is configured")
        elif backend_url is not None and (is_reached or backend_url != broker_url):
            yield from self._guarded(
                "backend", backend_url, self._backend(backend_url, is_new=backend_url != broker_url)
            )
        yield from self._left

    def _guarded(self, kind: str, url: str, checks: Iterator[Check]) -> Iterator[Check]:
        try:
            yield from checks
        except KernelQError as error:
            yield explain(kind, error, url)

    def _broker(self, url: str) -> Iterator[Check]:
        yield self._driver("broker", url)
        reached = yield from self._addresses(url)
        if not reached:
            return
        broker = self._app.broker
        yield from map(_finding, broker.examine())
        probe = BrokerProbe(broker)
        try:
            yield from probe.checks()
        finally:
            self._clean(probe)

    def _backend(self, url: str, *, is_new: bool) -> Iterator[Check]:
        if is_new:
            yield self._driver("backend", url)
            reached = yield from self._addresses(url)
            if not reached:
                return
        probe = BackendProbe(self._app.backend)
        try:
            yield from probe.checks()
        finally:
            self._clean(probe)

    def _driver(self, kind: str, url: str) -> Check:
        """Raises an error that says what to install or to write, before anything is connected."""
        if "://" not in url:
            raise ImproperlyConfigured(f"expected a URL such as redis://localhost, got {mask(f'://{url}')[3:]!r}")
        if not self._app.plugins.heard(f"make_{kind}"):  # such a plugin may know a scheme that no entry point does
            load_driver(kind, scheme_of(url), disabled=self._app.disabled)
        if _is_offered("engine", url):
            load_driver("engine", scheme_of(url)).canonical(url)
        return ok(kind, mask(url))

    def _addresses(self, url: str) -> Generator[Check, None, bool]:
        """The checks of a URL's addresses; gives whether one can be reached, or none is needed."""
        checks = check_addresses(url, self._app.conf.broker_connection_timeout)
        yield from checks
        return not checks or any(check.level == "ok" for check in checks)

    def _clean(self, probe: BrokerProbe | BackendProbe) -> None:
        try:
            probe.close()
        except KernelQError as error:
            self._left.append(
                warning("clean-up", f"something of ours was left behind: {mask(str(error))}", "it harms nobody")
            )


def _finding(finding: Finding) -> Check:
    return Check(name="settings", level=_LEVELS[finding.level], what=finding.what, advice=finding.advice)


def keeps_results(url: str) -> bool:
    """Whether an installed result backend goes by the scheme of this broker URL."""
    return _is_offered("backend", url)


def _is_offered(kind: str, url: str) -> bool:
    return scheme_of(url) in entry_points(group=KINDS[kind]).names
