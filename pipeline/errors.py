"""The one exception for input that a person can mend, and how names of files are written in it."""

from __future__ import annotations

import re


class InputError(ValueError):
    """Wrong input from outside: a profile, a data set, a file, a command line.

    Its message is one line that names the value, where it came from and what would be valid. Every stage
    prints that line to standard error, without a traceback, and exits with status 1.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escaped(message))


def escaped(text: str) -> str:
    r"""Text as a line that can be written anywhere: what of a name is no UTF-8 as \\udce9, its line ends as \\n."""
    printable = re.sub(r"[\x00-\x1f\x7f]", lambda found: repr(found[0])[1:-1], text)
    return printable.encode("utf-8", "backslashreplace").decode("utf-8")
