"""Conformance kit: what every driver must do, as test classes its author subclasses in two lines.

    from kernelq.testing import BackendFaultSuite, BackendSuite, BrokerFaultSuite, BrokerSuite, LockStoreSuite, Proxy, WorkflowStoreSuite, start_worker

    class TestSqliteBroker(BrokerSuite):
        def make_url(self, folder):
            return f"sqlite:///{folder}/queue.sqlite3"

    class TestSqliteBackend(BackendSuite):
        def make_url(self, folder):
            return f"sqlite:///{folder}/results.sqlite3"

    class TestSqliteWorkflows(WorkflowStoreSuite):
        def make_url(self, folder):
            return f"sqlite:///{folder}/queue.sqlite3"

    class TestSqliteLocks(LockStoreSuite):
        def make_url(self, folder):
            return f"sqlite:///{folder}/queue.sqlite3"

    class TestMyBrokerFaults(BrokerFaultSuite):
        @pytest.fixture
        def server(self, my_server):
            return my_server                           # has port, start(), stop(), kill()

        def url_on(self, server, folder):
            return f"my://127.0.0.1:{server.port}/{folder.name}"

Install: ``pip install 'kernelq[testing]'`` (pytest and hypothesis). Run with pytest.

Each test is one numbered behaviour of the contracts in `kernelq.contracts`, `kernelq.workflows` and `kernelq.locks` (``b…`` of brokers,
``r…`` of result backends, ``w…`` of workflow stores, ``l…`` of lock stores; from 200 on those of the fault suites), and its name is the sentence it proves. What an engine declares it cannot do
(`Capabilities`) is skipped, with the reason shown; `behaviours(suite)` lists them all with what they
need. The last behaviour of a broker is a stateful property test: random publishing, fetching, settling,
dying and burying must look the same from outside as with the memory broker; those of a workflow store and of a lock store are such tests too.

What a subclass may set: `url` or `make_url` (an empty engine for every test; required), `make_app` (other settings),
`lease` (seconds; how long a lease lasts that a test lets end), `plant_garbage` (how to put unreadable bytes into a queue),
`session_on` (how users open a transaction of their own), `set_clock` (how to give the driver a test's clock); on a backend, workflow or lock suite `capabilities`.

The fault suites kill, freeze and fork consumers. Where the engine is a server they stop and kill that, and
put `Proxy` before it: a network that loses replies, resets, falls silent, is slow. An engine without a server skips
what would need one. They take about a minute.

    pytest -p kernelq_plugins.testkit.recording --engines-table=PATH

writes a table of which behaviours were proved, as Markdown. `engines_table` makes one from what drivers declare, without
running anything. `start_worker` runs a worker in the test's own process.

Guarantee: a driver that passes runs under KernelQ's worker with the same meaning as the others. What it does not
do: measure speed, fill disks, or fail over a cluster.
"""
