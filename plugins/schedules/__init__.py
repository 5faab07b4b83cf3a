"""Schedules: when periodic tasks run.

    from kernelq.schedules import crontab, schedule, solar

    crontab(minute=0, hour="*/3")                        # every three hours
    crontab(30, 7, "mon-fri", tz="Europe/Berlin")        # 07:30 there, on working days
    crontab.from_string("0 0 1 * *")                     # a line of a crontab file
    schedule(30), schedule(timedelta(days=1), relative=True)
    solar("sunset", 52.5, 13.4)                          # degrees north and east

Install: part of ``pip install kernelq``; for `solar` ``pip install 'kernelq[solar]'``, which brings the library ``ephem``.

Fields of a crontab: minute (0–59), hour (0–23), day_of_week (0–6 from Sunday on, or names), day_of_month (1–31), month_of_year (1–12, or names).
Mind the order: positional arguments have the day of the week third, as in Celery; a line has it last, as in Unix. Each is a number,
numbers, or text:

field           stands for
*               all
5               5
mon, January    a day of the week, a month; the first three letters count, in upper or lower case
1-5, fri-mon    a range, both ends included; one that ends before it starts wraps around
*/15            every fifteenth, from the lowest on: 0, 15, 30, 45 for minutes, 1, 16, 31 for days of the month
22-4/2          every second of a range: 22, 0, 2, 4
0,30,45-50      any of these

All five must match: ``crontab(0, 0, "fri", 13)`` is Friday the 13th. What is not in the grammar is a `ParseException`, a number out of range, a
step after a single number or a day that no month has a `ValueError`, anything but numbers and text a `TypeError`.

Zones: a schedule counts in its own (``tz="Europe/Berlin"``, or a tzinfo of zoneinfo, dateutil or pytz), else in the app's (setting `timezone`).

When clocks change, no occurrence is lost and none is doubled:

crontab             a time that is left out (02:30 in spring)     a time that is repeated (02:30 in autumn)
fixed hours         runs at the shifted instant, 03:30            runs at the first of the two
all hours, steps    the same; once if that one runs anyway        runs both times

"Steps" are hours that go through the whole day evenly, three or more: ``*``, ``*/2``, ``1-23/2``, however they are written. A task for every hour then runs
every hour of real time, also where Celery pauses for two. ``*/12`` is midnight and noon, fixed hours. Intervals are elapsed time, whatever clocks do.

A `relative` interval is rounded down by the clock: one of a day or more goes by days of the calendar and ends at midnight, one of an hour or more on
the hour, of a minute or more on the minute.

Events of `solar`: dawn_astronomical, dawn_nautical, dawn_civil (the sun 18, 12, 6 degrees below the horizon), sunrise, solar_noon, sunset, dusk_civil,
dusk_nautical, dusk_astronomical. Where one does not happen for weeks, the next is the one after them.

Every schedule answers:

next_after(instant)             the first occurrence after an instant, both as UTC epoch seconds; no clock is looked at
is_due(last_run_at)             ``(whether it is due, seconds until to ask again)``, by the app's clock or ``nowfun=``
remaining_estimate(last_run_at) the time until then, as a timedelta
describe()                      plain words: ``at 07:30 on Monday to Friday (Europe/Berlin)``
plain(), from_plain(data, app)  as data for JSON and back; pickle serves too, and leaves app and clock behind

Naive datetimes given to them are UTC. With the setting `beat_cron_starting_deadline`, a crontab that is overdue by more seconds than that is not due.

A schedule of your own is a subclass of `BaseSchedule` with `next_after`. One written for Celery, with `is_due` or
`remaining_estimate` only, serves as it is: `is_predictable` is then off, and it is asked when the time has come. To be kept
in a store it has `plain` and `from_plain`, and its module is imported where it is read.

What it does not do: run anything, which is the scheduler's part; seconds, or ``@daily`` and the like, in crontabs; days counted from the end of a month.

Parts: `contract` (BaseSchedule), `crontab`, `fields` (the grammar), `stretches` (clocks of zones), `interval`, `solar`, `wording`, `making`
(maybe_schedule, from_plain).
"""
