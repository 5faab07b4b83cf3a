"""Where KernelQ differs from Celery: a pattern of paths, what Celery and what KernelQ say there, and why.

A path is a case, then ``outcome`` or ``journal``, then keys and numbers down to a value. DIFFERENCES are meant. OPEN are not:
each goes as soon as its cause, which stands beside it, has gone.
"""

from __future__ import annotations

ABSENT = "(nothing)"
ANYTHING = "(anything)"

DIFFERENCES = [
    (
        "send_task_by_name/*/argsrepr/0",
        "['pear']",
        "('pear',)",
        "positional arguments are shown as the tuple they become",
    ),
    ("*/before_task_publish [1-9]/headers/parent_id", ANYTHING, None, "Celery makes a retried task its own parent"),
    (
        "a_task_nobody_knows/outcome/*",
        ANYTHING,
        ANYTHING,
        "a message of an unknown task is parked for a worker that knows it, Celery stores a failure",
    ),
    ("a_task_nobody_knows/journal/*", ANYTHING, ANYTHING, "it is looked at again and again while it is parked"),
    ("*/outcome/*", "Exception", "TimeoutError", "our TimeoutError is Python's own too"),
    ("the_keys_of_a_message/outcome", ANYTHING, ANYTHING, "ours has a reason beside"),
    (
        "expired_before_its_time/journal/*/task_received*",
        ANYTHING,
        ABSENT,
        "a message with an eta waits in the broker and not in a worker",
    ),
    ("expired_before_its_time/journal/*/order/receive", ANYTHING, "task_revoked", "as above"),
    ("an_argument_that_is_no_json/journal/*", ANYTHING, ABSENT, "it is refused before anybody hears of it"),
    (
        "failures/outcome/[12]/*",
        ANYTHING,
        ANYTHING,
        "an exception that cannot be pickled keeps its name: nothing is pickled here",
    ),
    ("failures/journal/*/task_failure 0/given/*", ANYTHING, ANYTHING, "as above"),
    ("arguments_beyond_json/*", "list", "tuple", "a tuple comes back as one"),
    ("arguments_beyond_json/*", "[1, 2]", "(1, 2)", "as above"),
    ("always_eager/*", "list", "tuple", "as above"),
    ("always_eager/*", "[1, 2]", "(1, 2)", "as above"),
    ("settings/outcome/*", 3600, 3600.0, "seconds are floats"),
    ("settings/outcome/*", 60, 60.0, "seconds are floats"),
    ("settings/outcome/0/task_acks_late", False, True, "a message is acknowledged after its run: a crash repeats it"),
    ("settings/outcome/*", 5, 5.0, "seconds are floats"),
    ("composed_chain_that_fails/outcome/0/?/traceback", True, False, "a task that never ran has no traceback"),
    ("composed_*/journal*", ANYTHING, ANYTHING, "how the parts of a workflow find each other is each package's own"),
]


OPEN = [
    ("reject/journal/*/order/run 0", ANYTHING, ANYTHING, "kernel/execute.py: task_failure comes before task_postrun"),
    ("reject/journal/*/task_failure 0/given/*", ANYTHING, ANYTHING, "kernel/execute.py: a refusal has no traceback"),
    (
        "*/lines/before_task_publish ?/headers/group",
        ANYTHING,
        None,
        "plugins/canvas: several callbacks are messages of their own, not a group",
    ),
    # --- not on purpose: each goes when its cause does
    ("*/lines/before_task_publish ?/headers/argsrepr", ANYTHING, None, "plugins/protocol: no reprs are made"),
    ("*/lines/before_task_publish ?/headers/kwargsrepr", ANYTHING, None, "as above"),
    ("*/lines/before_task_publish ?/headers/timelimit/0", 60, None, "kernel/publish.py: only the call's limits travel"),
    ("*/lines/before_task_publish ?/headers/timelimit/?", ANYTHING, ANYTHING, "kernel/publish.py: seconds as floats"),
    (
        "*/lines/before_task_publish ?/headers/ignore_result",
        False,
        None,
        "kernel/publish.py: None for what the worker decides",
    ),
    ("*/ignored", False, None, "as above"),
    (
        "*/timelimit/?",
        ANYTHING,
        ANYTHING,
        "kernel/context.py: request.timelimit are the call's limits, as floats, not those in force",
    ),
    (
        "time_limits_of_the_call/*",
        ANYTHING,
        ANYTHING,
        "as above, and task.time_limit stays None where the setting counts",
    ),
    (
        "*/lines/task_received ?/about/*name",
        ANYTHING,
        ANYTHING,
        "plugins/signals/received.py: request.name is not the shadow",
    ),
    (
        "a_base_class_with_a_say_in_each_call/*/headers/shadow",
        None,
        ANYTHING,
        "kernel/publish.py: send_task asks shadow_name",
    ),
    (
        "a_second_app/outcome/2/1",
        True,
        False,
        "kernel/app.py: app.task(shared=True), the default, shares with no other app",
    ),
    (
        "a_second_app/outcome/3/1",
        "elsewhere",
        None,
        "task_default_routing_key does not fall back to task_default_queue",
    ),
    (
        "a_hard_limit/journal/*",
        ANYTHING,
        ANYTHING,
        "plugins/pool_prefork: a hard limit calls on_failure, and neither after_return nor task_postrun",
    ),
    (
        "import_paths/outcome/app*",
        ANYTHING,
        ANYTHING,
        "kernel/app.py: a module, without app_or_default, default_app and task",
    ),
]
