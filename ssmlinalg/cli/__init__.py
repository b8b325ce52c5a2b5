"""The command line, `ssmlinalg COMMAND`; `ssmlinalg --help` names the commands.

A command is a function in a file of its own and a line in `COMMANDS`. Choices are read from the
library's tables; nothing is computed here.

===========  =============================================================
exit status  meaning
===========  =============================================================
0            done
1            a check failed
2            the request could not be understood or carried out
130          interrupted
===========  =============================================================
"""

from .application import COMMANDS, main

__all__ = ["COMMANDS", "main"]


def __dir__() -> list[str]:
    return __all__
