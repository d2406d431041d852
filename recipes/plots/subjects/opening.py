"""`open_subject`: which kind of source is meant."""

from pathlib import Path

from recipes.common import catalog
from recipes.common.histories import CHECKPOINTS, read_checkpoints
from recipes.plots.subjects.subject import Subject


class UnfinishedRun(Subject):
    """A run that has no preset yet: its training is all there is to see."""

    def __init__(self, folder, histories, **options):
        super().__init__(folder.resolve().name, {}, **options)
        self._histories = histories
        self.no_model = (
            f"The run {str(folder)!r} is not finished: it has no preset to draw, only "
            "training curves (vae-zoo plot training)."
        )

    def histories(self):
        return self._histories


def open_subject(source, data=None, data_dir=None, backend=None, seed=0):
    """What plots are to be drawn of. Nothing large is read, and Keras not started.

    Args:
        source: name or folder of a preset; folder of a run, finished or not; or an
            ONNX file or folder that `vae-zoo export` wrote.
        data: what `recipes.data.load_images` takes, instead of the images that the
            preset was made for; exported files know none.
        data_dir: folder of prepared TFDS data sets.
        backend: of Keras; None is that of the environment.
        seed: of what plots draw at random, unless they are told another.

    Raises:
        ValueError, OSError: if there is no such thing, or it is damaged.
    """
    options = {"data": data, "data_dir": data_dir, "seed": seed}
    folder = Path(source)
    is_run = any((folder / name).is_file() for name in CHECKPOINTS)
    if (folder / "preset").is_dir() and not (folder / catalog.CONFIG).is_file():
        preset = catalog.find_preset(folder / "preset")
        histories = read_checkpoints(folder) if is_run else None
    elif is_run:
        return UnfinishedRun(folder, read_checkpoints(folder), **options)
    elif catalog.is_onnx(source):
        from recipes.plots.subjects.exported import ExportedSubject

        return ExportedSubject(source, **options)
    else:
        preset, histories = catalog.find_preset(source), None
    from recipes.plots.subjects.preset import PresetSubject

    return PresetSubject(preset, histories, backend, **options)
