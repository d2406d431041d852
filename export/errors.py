"""The two errors of this package that are not Python's own."""


class ExportError(RuntimeError):
    """A model could not be converted, or its file failed a check; no file was left."""


class RuntimeModelError(RuntimeError):
    """An exported file is damaged, foreign, or does not do what it says."""
