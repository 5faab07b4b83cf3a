"""App surface: what users of Celery expect on the app object, beside tasks, settings and workers.

    on_configure, on_after_configure, on_after_finalize, on_after_fork    signals of one app, connected by decorator
    current_task, current_worker_task                                    the task that runs in this thread
    oid, thread_oid                                                      an id of this app in this process, or thread
    connection, connection_for_read, connection_for_write                whether the broker can be reached
    create_task_cls, subclass_with_self, WorkController                  for code that builds upon the app
    user_options                                                         options the app adds to commands

Also the module `kernelq.utils.log`, from which code that came from Celery takes its `get_task_logger`, and pickling of apps:
name, task class and every setting that is not a default travel; tasks do not, they are defined where they are imported.

Install: part of ``pip install kernelq``. No settings.

The signals of one app: `on_configure` (before anybody else hears that the settings were read; also a method to override in a
subclass), `on_after_configure` (`source`: the settings), `on_after_finalize`, and `on_after_fork`, in every child forked while
somebody is connected. The first three are sent once per app; the sender is the app. They need the plugin `signals`.

What it does not do: give access to a client library's own connection. ``app.connection()`` can be opened and closed, tried
until the broker answers, and asked for its URL. Neither are there `app.log`, `app.loader` and `app.pool`.
"""

from __future__ import annotations

from kernelq import KernelQ, hookimpl

from . import moments, pickled

pickled.register()


@hookimpl(tryfirst=True)
def app_configured(app: KernelQ) -> None:
    """Let the app be configured further before other plugins look at its settings."""
    moments.configure(app)


@hookimpl(specname="app_configured", trylast=True)
def after_app_configured(app: KernelQ) -> None:
    """Tell that the settings stand."""
    moments.after_configure(app)


@hookimpl(trylast=True)
def app_finalized(app: KernelQ) -> None:
    """Tell that the tasks are complete, those that other plugins bring among them."""
    moments.tell_once(app, "on_after_finalize")
