"""Schedules in a file: the default store of ``kernelq beat``, for one machine.

    kernelq -A proj beat -s /var/lib/proj/schedule        # else the setting beat_schedule_filename: celerybeat-schedule

Install: part of ``pip install kernelq``. URL, where one is wanted: ``file:///var/lib/proj/schedule``.

Guarantee: of all beats on one file one leads, as long as its process lives; killed, it is followed at once, and while it is frozen nobody
is. The file is JSON, replaced as a whole and on the disk before anything is published, so it is never torn; a beat that is
stopped or killed finds how far each entry had come. What is no file of ours, such as Celery's of the same name, is set aside
under a name ending in ``.old``.

What it does not do: tell of the ends of tasks, for workers may be on other machines; and reach beyond its machine: file locks do not
hold on every network file system. For several machines have `schedule_store` on Redis or SQL.

Beside the file there are ``<file>.lock``, held by who leads, and ``<file>.edit``, held while it is written.
"""
