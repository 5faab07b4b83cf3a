"""KernelQ beside other task queues, on one machine, in one run: ``scripts/bench``; docs/benchmarks.md says what is measured and how.

Standard library only: KernelQ, its peers and the limit run in processes and virtual environments of their own.

    peers, homes        what is measured, and where it is installed
    servers, stores     the private servers, and how each peer's store is asked what is left to do
    stand, processes    one peer on an empty store, its clients and its workers
    measures/           what is done to a stand
    run                 all measures, peer beside peer, again and again
    rows, report        what the table shows: medians, ratios, verdicts
    table, chart        as Markdown and SVG
    side/, adapters/    what runs under the peers' Python
"""
