"""``python -m kernelq``."""

from .cli import main

main()
