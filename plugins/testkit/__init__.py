"""Conformance kit: what every driver must do, as test classes its author subclasses in two lines.

    from kernelq.testing import BackendSuite, BrokerSuite

    class TestSqliteBroker(BrokerSuite):
        def make_url(self, folder):
            return f"sqlite:///{folder}/queue.sqlite3"

    class TestSqliteBackend(BackendSuite):
        def make_url(self, folder):
            return f"sqlite:///{folder}/results.sqlite3"

Install: ``pip install 'kernelq[testing]'`` (pytest and hypothesis). Run with pytest.

Each test is one numbered behaviour of the contracts in `kernelq.contracts` (``b…`` of brokers, ``r…`` of
result backends), and its name is the sentence it proves. What an engine declares it cannot do
(`Capabilities`) is skipped, with the reason shown; `behaviours(suite)` lists them all with what they
need. The last behaviour of a broker is a stateful property test: random publishing, fetching, settling,
dying and burying must look the same from outside as with the memory broker.

What a subclass may set: `url` or `make_url` (an empty engine for every test; required), `make_app` (other settings),
`lease` (seconds; how long a lease lasts that a test lets end), `plant_garbage` (how to put unreadable bytes into a queue),
`set_clock` (how to give the driver a test's clock); on a backend suite `capabilities`.

Guarantee: a driver that passes runs under KernelQ's worker with the same meaning as the others. What it does not
do: kill servers, cut connections or measure speed.
"""
