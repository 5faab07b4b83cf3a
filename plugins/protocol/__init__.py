"""Protocol: task message protocol version 2, as Celery documents it, for engines and listeners that speak it.

``from kernelq.protocol import headers_of, apply_headers``: a message as its headers and properties, and back. Engines
without headers of their own do not need it.
"""
