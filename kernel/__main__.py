"""The command ``kernelq``, also ``python -m kernelq``; what it can do comes from the plugin `commands` and others."""

import sys

from . import _api


def main() -> None:
    """Run the command line and exit."""
    try:
        command_line = _api.find("command_line")
    except AttributeError as error:
        sys.exit(f"kernelq: the plugin 'commands' is not installed, so there are no commands ({error})")
    command_line()


if __name__ == "__main__":
    main()
