"""Code on a page, which runs as it stands: load, fine-tune and deploy the model."""

import shlex
from typing import NamedTuple

from recipes.common.labels import label_argument
from recipes.documents.texts import commands, in_quotes


class Block(NamedTuple):
    """Some code under a heading: "python" or "sh"."""

    title: str
    language: str
    code: str


def blocks(about, can_sample=True):
    """The `Block`s for a model, in the order in which they run.

    Args:
        about: `recipes.documents.report.about.About`.
        can_sample: whether it has a prior to draw from.
    """
    if about.kind == "run":
        return [
            Block(
                "Go on with it",
                "sh",
                f"vae-zoo train {shlex.quote(about.title)} --resume",
            )
        ]
    if about.kind == "exported":
        return _of_export(about, can_sample)
    name = in_quotes(about.address)
    return [
        Block("Load it", "python", _load(about, name, can_sample)),
        Block(
            f"Fine-tune it on your {about.noun}",
            "python",
            _finetune(about, name, can_sample),
        ),
        Block("Deploy it", "python", _deploy(about, name, can_sample)),
        Block("On the command line", "sh", _commands(about, can_sample)),
    ]


def _load(about, name, can_sample):
    lines = ["import zoo", "", f"model = zoo.from_preset({name})"]
    if can_sample:
        lines.append(_sample("model", about))
    return "\n".join(lines)


def _finetune(about, name, can_sample):
    given = ""
    if about.noun == "texts":
        return _finetune_texts(about, name)
    lines = [
        "import zoo",
        "from recipes.data import load_images",
        "",
        f"model = zoo.from_preset({name})",
        "# A folder of images or an .npz file of yours in place of digits.",
        'data = load_images("digits", image_shape=model.image_shape)',
    ]
    if about.num_classes is not None:
        given = ", data.train_labels"
    elif about.num_attributes is not None:
        lines = ["import numpy as np", *lines]
        shape = f"(len(data.train), {about.num_attributes})"
        lines.append(f'attributes = np.zeros({shape}, "float32")  # yours')
        given = ", attributes"
    lines += [
        'model.compile("adam")',
        f"model.fit(data.train{given}, epochs=3, batch_size=64)",
    ]
    if about.has_codes and can_sample:  # by a prior that it has learned
        lines.append(f"model.fit_prior(data.train{given}, epochs=3)")
    return "\n".join([*lines, 'model.save_to_preset("fine_tuned")'])


def _finetune_texts(about, name):
    given = ", data.train_labels" if about.num_classes is not None else ""
    return "\n".join(
        [
            "import zoo",
            "from recipes.data.texts import load_texts",
            "",
            f"model = zoo.from_preset({name})",
            "data = load_texts(",
            '    "phrases",  # or a file of lines, a table',
            "    vocabulary=model.vocabulary,",
            "    max_length=model.event.shape[0],",
            ")",
            'model.compile("adam")',
            f"model.fit(data.train{given}, epochs=3, batch_size=64)",
            'model.save_to_preset("fine_tuned")',
        ]
    )


def _deploy(about, name, can_sample):
    lines = [
        "import export",
        "import zoo",
        "",
        f'export.export_model(zoo.from_preset({name}), "exported")',
        "# From here on numpy and onnxruntime are enough.",
        'sampler = export.Sampler("exported")',
    ]
    if can_sample:
        lines.append(_sample("sampler", about))
    return "\n".join(lines)


def _commands(about, can_sample):
    address, reads_labels = shlex.quote(about.address), about.num_attributes is None
    lines = [f"vae-zoo show {address}"]
    if reads_labels:  # no command reads attributes
        facts = {"max_length": 1 if about.noun == "texts" else None}
        lines += commands(facts, address, can_sample)
    return "\n".join([*lines, f"vae-zoo explore {address} --out explorer.html"])


def _of_export(about, can_sample):
    name = in_quotes(about.address)
    lines = ["import export", "", f"sampler = export.Sampler({name})"]
    if can_sample:
        lines.append(_sample("sampler", about))
    return [
        Block("Sample it without Keras", "python", "\n".join(lines)),
        Block(
            "On the command line",
            "sh",
            f"vae-zoo verify {shlex.quote(about.address)}\n"
            f"vae-zoo explore {shlex.quote(about.address)} --out explorer.html",
        ),
    ]


def _sample(what, about):
    labels = label_argument(vars(about), 16)
    if about.noun == "texts":
        drawn = f"{what}.sample(16, {labels}seed=0)"
        return (
            f"texts = model.to_texts({drawn})"
            if what == "model"
            else f"texts = {drawn}"
        )
    shape = ", ".join(map(str, (16, *about.image_shape)))
    return f"images = {what}.sample(16, {labels}seed=0)  # ({shape}), in [0, 1]"
