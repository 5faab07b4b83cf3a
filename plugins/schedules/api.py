"""`kernelq.schedules`: when tasks are to run."""

from .contract import BaseSchedule, schedstate
from .crontab import crontab
from .fields import Cronspec, ParseException, crontab_parser
from .interval import schedule
from .making import from_plain, maybe_schedule
from .solar import solar

__all__ = [
    "BaseSchedule", "Cronspec", "ParseException", "crontab", "crontab_parser", "from_plain", "maybe_schedule", "schedstate", "schedule", "solar",
]  # fmt: skip
