"""`python -m ssmlinalg`, and what the installed command runs."""

from __future__ import annotations

import sys


def main() -> int:
    """Start the command line; without its packages, say in one sentence how to get them."""
    try:
        from . import cli
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("ssmlinalg"):
            raise
        remedy = "Install it with: pip install 'ssmlinalg[cli]'."
        sys.stderr.write(
            f"ssmlinalg: the command line needs its packages; got no {error.name}. {remedy}\n"
        )
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("ssmlinalg: interrupted; nothing was begun.\n")
        return 130
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
