"""Whether users have made queues or exchanges in this process, so that one may be given to a call.

While none was made, and nothing else asks for routing, calls need not be looked at.
"""

from __future__ import annotations

_made = False


def anything_made() -> bool:
    """Whether this process has made a queue or an exchange, which a call may therefore name."""
    return _made


def notice() -> None:
    """A user made the first queue or exchange of this process: publishers that were told that nothing needs routing ask again."""
    global _made
    if not _made:
        from kernelq import KernelQ

        _made = True
        for app in KernelQ.finalized_apps():
            app.publisher.forget()
