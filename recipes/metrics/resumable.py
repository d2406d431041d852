"""What a long evaluation has finished, kept so that an interruption costs nothing."""

import io
import json
import time
import zipfile
from pathlib import Path

import numpy as np

from recipes.common.files import write_whole

# Seconds between two saves.
EVERY = 20


class ResumableValues:
    """Values or rows of the first images, in a file that is saved now and then.

    Args:
        path: the file, or None to keep nothing.
        settings: dict of JSON values that the values depend on.
        resume: go on with the file that is there; it is started anew otherwise.

    Raises:
        ValueError: if the file is damaged, or was made with other settings.
    """

    def __init__(self, path, settings, resume=False):
        self.path = None if path is None else Path(path)
        self.settings = settings
        self.values = np.empty(0)
        self._saved = time.monotonic()
        if resume and self.path is not None and self.path.exists():
            self.values = self._read()

    def _read(self):
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                settings = json.loads(str(stored["settings"]))
                values = np.asarray(stored["values"], np.float64)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{str(self.path)!r} is damaged: remove it and evaluate from the start."
            ) from error
        for name, value in self.settings.items():
            if settings.get(name) != value:
                raise ValueError(
                    f"{str(self.path)!r} was evaluated with {name} "
                    f"{settings.get(name)!r}, not {value!r}: evaluate with the same, "
                    "or without --resume from the start."
                )
        return values

    def extend(self, values):
        """Adds values of the next images; saves if the last time is long ago."""
        # The first say what shape a value has.
        done = [self.values] if len(self.values) else []
        self.values = np.concatenate([*done, values])
        if time.monotonic() - self._saved > EVERY:
            self.save()

    def save(self):
        """Writes what there is.

        Raises:
            OSError: if the file cannot be written.
        """
        if self.path is None:
            return
        buffer = io.BytesIO()
        np.savez(buffer, values=self.values, settings=json.dumps(self.settings))
        write_whole(self.path, buffer.getvalue())
        self._saved = time.monotonic()

    def remove(self):
        """Removes the file, once all is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
