"""The one exception for input that a person can mend."""


class InputError(ValueError):
    """Wrong input from outside: a profile, a data set, a file, a command line.

    Its message is one line that names the value, where it came from and what would be valid. Every stage
    prints that line to standard error, without a traceback, and exits with status 1.
    """
