"""Bulk: many messages in few round trips.

    results = resize.send_many([(1, "s"), (2, "m"), {"args": (3,), "countdown": 60}], queue="images")

    with app.bulk() as bulk:
        for user in users:                      # a generator of a million, say
            bulk.delay(greet, user.id)
            bulk.apply_async(remind, (user.id,), countdown=86_400)

Install: part of ``pip install kernelq``. Options: none; `size` is given at the call (default 2,000 messages a round trip).

`Task.send_many` gives a result for each call, in order, once all are accepted. `app.bulk` is for streams: it publishes
whenever `size` messages have come and at the end of the block, while the next ones are made, and holds three times
`size` messages at most.

Guarantee: every call is checked, routed and shown to plugins as by `apply_async`, and takes the same options. Messages go out in
the order of the calls. When `send_many` returns or the block ends without an error, the broker has accepted all of them. An
error is `NotAccepted`; its `errors` names each message that was not accepted with the reason, and what it does not name
was. A chunk is accepted whole or not at all; a message that the hook `admit` refuses concerns nobody else. An
exception in the block leaves the calls before it sent, as without the block.

What it does not do: share one `Bulk` among threads (each thread opens its own), or be one transaction: with
`session=` of an SQL broker the messages become part of the caller's.
"""

from __future__ import annotations
