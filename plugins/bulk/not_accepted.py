"""The error of a bulk: which messages were not accepted, and why."""

from __future__ import annotations

from collections.abc import Mapping

from kernelq.errors import BrokerError


class NotAccepted(BrokerError):
    """Some messages were not accepted; `errors` has each one's reason by task id. All others were."""

    def __init__(self, errors: Mapping[str, Exception]) -> None:
        first = next(iter(errors))
        more = f" and {len(errors) - 1:,} more" if len(errors) > 1 else ""
        super().__init__(
            f"task {first}{more} of a bulk were not accepted (all in the attribute errors): {errors[first]}"
        )
        self.errors = dict(errors)

    def __reduce__(self) -> tuple[type[NotAccepted], tuple[dict[str, Exception]]]:
        return (NotAccepted, (self.errors,))
