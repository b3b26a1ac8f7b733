"""The one exception for input that a person can mend, and how names of files are written in it."""


class InputError(ValueError):
    """Wrong input from outside: a profile, a data set, a file, a command line.

    Its message is one line that names the value, where it came from and what would be valid. Every stage
    prints that line to standard error, without a traceback, and exits with status 1.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escaped(message))


def escaped(text: str) -> str:
    r"""Text that can be written anywhere: the bytes of a file's name that are no UTF-8 as \\udce9."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
