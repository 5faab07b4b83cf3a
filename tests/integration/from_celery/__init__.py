"""A client of the shop in examples/from_celery: what is asked of either package, and what came of it.

Like the shop it is written for both packages: `test_from_celery` puts the other one's name into its import lines. Each case
gives what JSON can say: values, names of errors, states. What handlers and signals saw of it is in the shop's journal.
"""
