"""Everything that can go wrong, as one exception tree.

Each message is one line that says what was wrong, where, and what to do next; the command line prints it and exits
with the class's `exit_code`.
"""

__all__ = ["ArzipError", "CorruptArchive", "LimitExceeded", "ModelError", "OutputError", "UnsupportedInput"]


class ArzipError(Exception):
    """Base of all errors that arzip raises on purpose."""

    exit_code = 1


class UnsupportedInput(ArzipError):
    """The input cannot be handled the way it was asked for: a missing file, a folder, a wrong type, a bad option."""

    exit_code = 2


class CorruptArchive(ArzipError):
    """The archive is truncated, damaged, or no archive at all."""

    exit_code = 3


class ModelError(ArzipError):
    """A model is unknown, its fingerprint differs from the stream's, or it breaks a law of exact inference."""

    exit_code = 4


class LimitExceeded(ArzipError):
    """A declared size exceeds what was allowed; nothing was allocated."""

    exit_code = 5


class OutputError(ArzipError):
    """The output could not be written: it exists, the disk is full, the folder is missing."""

    exit_code = 6
