"""Names of the canvas's own tasks."""

FAN_IN = "kernelq.chord"
"""The task that follows a join: it calls the body with the values, or fails it."""

ACCUMULATE = "kernelq.accumulate"
"""The task that gives its first argument, the values of a group, as its value."""

PAGE = "kernelq.page"
"""No task, but what stands among steps for those on a page; its argument is the key they are kept under."""
