"""Clients whose server is away, or that fork: a call ends soon with a clear error, and connections are not shared."""

from __future__ import annotations

import os
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from faults.engines import ALL, SERVERS, on
from kernelq.errors import BrokerUnavailable
from kernelq.testing import Proxy
from ports import free_port

pytestmark = pytest.mark.faults

SOON = 5.0
"""Seconds after which a call has failed, by default."""

SLACK = 10.0
"""Seconds that a busy machine may add."""


def fail(client, port):
    """Call a task; the error, which must name the host, and the seconds it took."""
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable) as caught:
        client.send_task("faulty.square", (1,))
    assert f"127.0.0.1:{port}" in str(caught.value)
    return time.monotonic() - begun


@on(SERVERS)
def test_a_call_fails_soon_and_names_the_server_that_is_not_there(yard):
    """B4."""
    port = free_port()

    took = fail(yard.client(yard.ground.through(port)), port)

    assert took <= SOON + SLACK


@on(SERVERS)
def test_a_call_fails_soon_and_names_the_server_that_never_answers(yard):
    """B6: both on a connection that was good until then, and when there is none."""
    with Proxy("127.0.0.1", yard.server.port) as proxy:
        ground = yard.ground.through(proxy.port)
        connected, new = yard.client(ground), yard.client(ground)
        connected.send_task("faulty.square", (1,))
        proxy.hole()

        with ThreadPoolExecutor() as pool:
            took = list(pool.map(fail, (connected, new), (proxy.port, proxy.port)))

    assert max(took) <= SOON + SLACK


@on(SERVERS)
def test_a_client_whose_connection_was_reset_publishes_all_the_same(yard):
    """B3: an idle connection that died is no error to whoever publishes next."""
    with Proxy("127.0.0.1", yard.server.port) as proxy:
        client = yard.client(yard.ground.through(proxy.port))
        client.send_task("faulty.square", (1,))
        proxy.reset()

        client.send_task("faulty.square", (2,))

    yard.until_left(2)


@on(ALL)
def test_parent_and_child_of_a_fork_both_publish_each_over_connections_of_its_own(yard):
    """E14: as under a web server that forks after the project was imported and has published."""
    yard.call("square", 0)
    children = [fork(lambda: [yard.call("square", n) for n in range(20)]) for _ in range(3)]
    for n in range(20):
        yard.call("square", n)

    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert yard.stats().ready == 81  # were two ids alike, one would be missing
    yard.start()
    yard.until_begun(81)
    yard.until_empty()


def fork(do):
    """Do it in a child; its process."""
    child = os.fork()
    if child == 0:
        try:
            do()
            os._exit(0)
        except BaseException:  # noqa: BLE001  (nothing may pass into the test below it)
            traceback.print_exc()
        finally:
            os._exit(1)
    return child
