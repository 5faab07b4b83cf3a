"""Broker on RabbitMQ, 3.10 or later; a Celery worker or client may sit on the other side.

    app = KernelQ(broker="amqp://localhost//", backend="rpc://")

Install: ``pip install 'kernelq[amqp]'``. URL: see the engine's page (`kernelq_plugins.engine_amqp`). No server plugin is needed.

Settings:

    task_default_priority       above 0 asks for queues that tell priorities apart
    broker_heartbeat            seconds; default: half of `worker_lease`
    broker_native_delayed_delivery_queue_type    queues where messages wait for their eta; default quorum
    broker_transport_options    ``global_keyprefix``: put before every queue's and exchange's name; ``queue_arguments``: further
                                arguments of queues of work; ``confirm_publish``: taken and changing nothing, for every publish is confirmed

and those of the plugin routing: task_queues, task_default_queue_type (``quorum`` or ``classic``; default quorum, or classic for queues
with priorities), task_queue_max_priority, task_default_exchange, task_default_exchange_type, task_default_routing_key, ….

On the server, all durable: a queue of work, bound to a direct exchange of its name as Celery declares them; beside it ``<queue>.dead``,
its dead letters; ``kernelq.queues``, the names of the queues, for AMQP has no way to ask; 26 queues ``kernelq.delay.NN``,
the ladder that etas wait in; ``kernelq.hold.<consumer>``, see below. Queues of task_queues have the exchanges, bindings and arguments
written there, and a Celery peer with the same task_queues finds them as it would declare them. Celery declares classic queues unless told otherwise: on
a queue that both use, set the same type and priorities on both sides.

Publishing: persistent and confirmed. At least once: a publish whose confirm was lost is repeated by the publisher and may run
twice. What no queue can take is an error that names exchange, routing key and queue; a queue that was deleted is declared again first. While
the server blocks publishers (memory or disk alarm) publishing fails with `BrokerFull` after `broker_connection_timeout`, and workers go on
acknowledging.

Exchanges: a message sent to an exchange of task_queues reaches every queue that is bound, all of which are declared first; one
that reaches none is an error, and binds nothing. An exchange that task_queues does not name is declared when it is
not there, and the message's queue bound to it. A retry goes to the queue its task ran from, and nowhere else. A queue that is to delete
itself (``auto_delete``) does so after an hour without a consumer, for a busy worker does not consume.

Delay: of any length, in the server, fine to 50 ms, in quorum queues that let a message go only when the next one has it. Nothing
waits behind anything, and a restart loses nothing. An eta that a Celery client sent is moved there too, before
a task could wait in a worker. A message to an exchange waits once for each queue that task_queues has bound there.

Consuming: pushed, never polled; each lane has a connection and no more messages than it asked for. A lane that is away for more than 75 ms
is in a long task: what it was sent goes back for others, and it consumes again when it comes back.

Lease: the connection. A process that dies gives its messages back at once. One that is frozen or cut off loses them after one to one
and a half times `worker_lease` (the server looks two to three times a heartbeat, which is whole seconds, at least 1), and its late
outcomes are refused. Heartbeats are answered by a thread: a task that holds the interpreter's lock in C for so long loses
its lease, for nobody can hold another process's connection for it.

Crashes: AMQP says that a message was handed out before, not why. So:

    Copies of ours (after PARK, CRASHED or from the dead letters) carry hand-outs and crashes in the header ``kernelq``.
    A process remembers what it gave back itself, so that getting it again means nothing. Other processes cannot know, and suspect a death.
    Suspected, crashed before, or under a hard time limit: the delivery is marked before it runs. It is exchanged for a copy in a
    queue that only this consumer reads. When its process dies, the supervisor takes the copy over and settles it as the task ended;
    when the supervisor is gone too, the server puts it back into its queue after 2 seconds, and there it counts as one crash.

So the first death of a message charges nobody, each later one charges the one message that ran, and a message that kills what runs it ends
as a dead letter, ``crashed``, after `task_max_crashes` and two runs. Neighbours of a batch are suspected, never charged. A mark costs one confirmed publish, some
milliseconds; messages that were never handed out before and have no hard limit are not marked.

Order: oldest first, or highest priority first. What goes back unstarted returns to its place in classic queues and near the head in
quorum queues; a crashed message goes to the end. A quorum queue of RabbitMQ 4 drops what was given back 20 times: after 8 times a message
becomes a fresh copy.

Long tasks: RabbitMQ takes back messages that are held longer than its consumer_timeout, 30 minutes by default. RabbitMQ 4.3 is told by
the consumer not to. Before, set consumer_timeout in ``rabbitmq.conf``, or from 3.12 on by the policy key ``consumer-timeout`` or
``queue_arguments={"x-consumer-timeout": milliseconds}``; a worker says so when it starts. A task it happens to runs again, and its first
outcome is refused.

RabbitMQ 3.10 writes down half a second late which quorum queues it has: one that was declared just before the server is killed is listed
afterwards, and answers nobody any more. Delete it then (``rabbitmqctl delete_queue``); workers declare it anew.

What it does not do: deduplicate by key (a message published twice runs twice); keep marks of revoked tasks (`Broker.revoke`; give tasks
`expires` there); say from outside what is delayed or runs in other processes, or purge what is delayed; commit an outcome with the
acknowledgement; read compressed bodies, which go to the dead letters with that reason.

Parts: `broker`; `plan` (names and arguments), `topology` (declaring), `register` (the names of queues), `ladder` (delay); `consumer`, `inbox` (what
was sent and not fetched), `reader` (deliveries), `memory`, `hold` (marks), `copies` (verdicts without a word in AMQP); `envelope` (messages
in AMQP's terms); `dead_letters`, `reading`; `examination`.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelq import Option, hookimpl


@hookimpl
def settings() -> Sequence[Option]:
    """What is declared on the server, and how long its silence may last."""
    return (
        Option("broker_heartbeat", float, None, "amqp: seconds between a worker's signs of life; default: half of worker_lease", ("BROKER_HEARTBEAT",), 1),
        Option("broker_native_delayed_delivery_queue_type", str, "quorum", "amqp: quorum or classic, where messages wait for their eta"),
    )  # fmt: skip
