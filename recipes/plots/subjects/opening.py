"""`open_subject`: the `Subject` of a preset, a run or an exported model."""

from recipes.common.histories import read_checkpoints
from recipes.common.opening import open_source
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


def open_subject(
    source,
    data=None,
    data_dir=None,
    backend=None,
    seed=0,
    strict=False,
    invert=False,
):
    """What plots are to be drawn of. Nothing large is read, and Keras not started.

    Args:
        source: name or folder of a preset; folder of a run, finished or not; or an
            ONNX file or folder that `vae-zoo export` wrote.
        data: what `recipes.data.load_images` takes, instead of the images that the
            preset was made for; exported files know none.
        data_dir: folder of prepared TFDS data sets.
        backend: of Keras; None is that of the environment.
        seed: of what plots draw at random, unless they are told another.
        strict, invert: as `recipes.data.load_images` takes them.

    Raises:
        ValueError, OSError: if there is no such thing, or it is damaged.
    """
    options = {
        "data": data,
        "data_dir": data_dir,
        "seed": seed,
        "strict": strict,
        "invert": invert,
    }
    found = open_source(source)
    if found.kind == "exported":
        from recipes.plots.subjects.exported import ExportedSubject

        return ExportedSubject(found.path, **options)
    histories = read_checkpoints(found.path) if found.kind == "run" else None
    if found.preset is None:
        return UnfinishedRun(found.path, histories, **options)
    from recipes.plots.subjects.preset import PresetSubject

    # Of a run whose checkpoints are gone, those that the preset keeps.
    return PresetSubject(found.preset, histories or None, backend, **options)
