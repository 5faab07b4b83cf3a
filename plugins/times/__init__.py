"""Times: what a countdown, an eta or an expiry means, and the zone of a datetime that names none.

A number is seconds from now, a timedelta likewise; a datetime or ISO 8601 text is that instant, in the app's zone if it says no
other: the setting `timezone`, else UTC, or the machine's zone with `enable_utc` off. ``app.now()`` and ``app.timezone`` tell it.

Install: part of ``pip install kernelq``. What travels are UTC epoch seconds, so a change of zones or clocks moves nothing sent.
"""
