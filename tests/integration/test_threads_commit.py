"""What tasks on threads want committed at once is settled by the lane's own thread."""

import threading

from kernelq import KernelQ, Task
from kernelq.testing import start_worker


class Seeing(Task):
    """Looks, in its handler, at what is stored of it."""

    seen: list[str] = []

    def on_success(self, retval, task_id, args, kwargs):
        self.seen.append(self.AsyncResult(task_id).state)


def test_a_handler_sees_its_outcome_stored(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/q.sqlite3"
    app = KernelQ("t", broker=url, backend=url, set_as_current=False)
    add = app.task(name="add", base=Seeing)(lambda x, y: x + y)

    with start_worker(app, pool="threads", concurrency=4):
        results = [add.delay(i, i) for i in range(40)]
        assert [result.get(timeout=10) for result in results] == [2 * i for i in range(40)]

    assert Seeing.seen == ["SUCCESS"] * 40
    app.close()


def test_the_consumer_is_used_by_one_thread_only(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/q.sqlite3"
    app = KernelQ("t", broker=url, backend=url, set_as_current=False)
    add = app.task(name="add", acks_late=False)(lambda x, y: x + y)
    users: set[int] = set()
    make = app.broker.consumer

    def watched(*args, **kwargs):
        consumer = make(*args, **kwargs)
        for name in ("fetch", "settle", "mark_started"):
            setattr(consumer, name, noting(getattr(consumer, name)))
        return consumer

    def noting(method):
        def call(*args):
            users.add(threading.get_ident())
            return method(*args)

        return call

    app.broker.consumer = watched

    with start_worker(app, pool="threads", concurrency=4):
        assert [add.delay(i, 1).get(timeout=10) for i in range(10)] == [i + 1 for i in range(10)]

    assert len(users) == 1
    app.close()
