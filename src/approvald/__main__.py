"""`approvald` and `python -m approvald`: the same program. The only place that ends the process."""

import sys

from approvald.cli.exits import run
from approvald.cli.program import program


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(program))


if __name__ == "__main__":
    main()
