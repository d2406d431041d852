"""Trains a model: the whole run in one view, for recipes and for fine-tuning."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

import zoo
from recipes.common.defaults import FINETUNING_BATCH, FINETUNING_RATE, MEMORY
from recipes.common.devices import part, shared_by
from recipes.common.dtypes import choose_dtype
from recipes.common.presets import read_preset
from recipes.common.published import further_draws
from recipes.data.augment import check_kinds
from recipes.data.classes import known_classes
from recipes.data.forms import Texts, form_of, load_data
from recipes.data.labels import with_few_labels
from recipes.data.reading import print_report, reading_data
from recipes.recipe import Training
from recipes.runs.gain import Gain
from recipes.runs.kinds import kind_of
from recipes.runs.run import Run, steps_per_epoch
from recipes.runs.start import Start
from zoo.text import as_name

# Of fine-tuning, if nothing else is said.
LEAST_STEPS = 300


def train(
    recipe,
    *,
    epochs=None,
    dtype=None,
    data_dir=None,
    out=None,
    seed=0,
    resume=False,
    start_from=None,
    devices=None,
    machines=None,
    command=None,
    console=None,
    scored_on="test",
):
    """Runs a recipe from data to preset.

    Args:
        recipe: a `recipes.recipe.Recipe`.
        epochs: instead of the recipe's; schedules are stretched to fit.
        dtype: dtype policy; None and "auto" are what the device gains by: see
            `recipes.common.dtypes`.
        data_dir: folder of prepared TFDS data sets.
        out: folder of the run, `runs/<recipe>` if None.
        seed: fixes initial weights, validation split, order of batches and noise.
        resume: go on with the run in `out`.
        start_from: name or folder of a preset of the same recipe, whose weights to
            begin with: a chain of trainings, each as long as a machine is to be had.
            The KL has its full weight from the start.
        devices: how many share each batch, as text, or "all": see
            `recipes.common.devices`. None is one.
        machines: `recipes.common.machines.Machines` that train together, or None.
        command: how the run was started, for its records.
        console: `rich.console.Console` for progress.
        scored_on: what the figures are of, "test" or "validation" data: where
            settings are chosen by them, the test split is to be left alone.

    Returns:
        `pathlib.Path` of the preset, `<out>/preset`; None where another machine
        writes it.

    Raises:
        ValueError, OSError: if data or folders are not usable, or the preset to start
            from is another model or was trained on other images.
    """
    training = recipe.training
    start = None
    if start_from is not None:
        start = Start(start_from)
        training = dataclasses.replace(training, warmup_epochs=0)
    if epochs is not None:
        if epochs < 1:
            raise ValueError(f"`epochs` must be a whole number >= 1; got {epochs!r}.")
        warmup_epochs = training.warmup_epochs * epochs / training.epochs
        training = dataclasses.replace(
            training, epochs=epochs, warmup_epochs=warmup_epochs
        )
    prior_training = recipe.prior_training
    if prior_training is not None and epochs is not None:
        # As much shorter or longer as the model's own.
        share = epochs / recipe.training.epochs
        prior_training = dataclasses.replace(
            prior_training, epochs=max(1, round(prior_training.epochs * share))
        )
    shared, told_of_devices = shared_by(devices, machines)
    keras.utils.set_random_seed(seed)  # of layers that a recipe gives no seed
    out = out or Path("runs") / recipe.name
    with Run(
        out, recipe.name, seed, resume, console, start=start, machines=machines
    ) as run:
        with reading_data(run.console, recipe.texts):
            data = load_data(
                recipe.dataset,
                recipe.form,
                data_dir=data_dir,
                validation=recipe.validation,
                seed=seed,
            )
        print_report(data.report, run.console)
        print_report([told_of_devices] if told_of_devices else [], run.console)

        def build_model(dtype, beta=None):
            steps = training.warmup_epochs * steps_per_epoch(data.train, training)
            if beta is None:
                beta = training.beta_end
            if steps >= 1 and beta:
                beta = zoo.schedules.LinearWarmup(steps, training.beta_start, beta)
            given = {"vocabulary": data.vocabulary} if recipe.texts else {}
            return recipe.build_model(beta=beta, seed=seed, dtype=dtype, **given)

        dtype = choose_dtype(dtype, keras.backend.backend())
        with shared():
            fitted = build_model(dtype)
        told = len(data.report)
        data = known_classes(fitted, data)  # or no preset of it can be scored
        print_report(data.report[told:], run.console)
        if recipe.num_labels is not None:
            data = with_few_labels(data, recipe.num_labels, seed)
            print_report(data.report[-1:], run.console)
        if start:
            start.check(data, seed)
            start.give_weights(fitted)
        with shared():
            if recipe.encoder_training is not None and not start:
                first = build_model(dtype, beta=0.0)
                run.fit_encoder(first, data, recipe.encoder_training)
                fitted.encoder.set_weights(first.encoder.get_weights())
            run.fit(fitted, data, training, keep_start=start is not None)
            if prior_training is not None:
                run.fit_prior(fitted, data, prior_training)
            weights = fitted.get_weights()
        part(machines)
        if not run.writes:
            return None
        # A preset is kept in float32, which every machine computes well.
        model = build_model("float32")
        model.set_weights(weights)
        if recipe.half_precision:
            zoo.presets.round_to_half(model)
        if scored_on == "validation":
            scored = data.as_test("validation")
        else:
            with reading_data(run.console, recipe.texts):
                scored = load_data(
                    recipe.dataset,
                    form_of(model.get_config()) if recipe.texts else recipe.form,
                    data_dir=data_dir,
                    splits="test",
                )
            scored = known_classes(model, scored)
        return run.finish(
            model,
            scored,
            split=scored_on,
            binarized=recipe.binarized,
            metadata={
                "summary": recipe.summary,
                "dataset": {
                    "name": data.name,
                    "license": data.license,
                    "binarized": recipe.binarized,
                    **kind_of(model).facts(data),
                },
                "anchors": [anchor.record() for anchor in recipe.anchors],
                "training": run.record(command, dtype),
            },
            num_importance_samples=recipe.num_importance_samples,
            further=further_draws(recipe.anchors, recipe.num_importance_samples),
        )


def finetune(
    preset,
    source,
    *,
    epochs=None,
    batch_size=FINETUNING_BATCH,
    learning_rate=FINETUNING_RATE,
    dtype=None,
    data_dir=None,
    out=None,
    seed=0,
    resume=False,
    strict=False,
    invert=False,
    memory=MEMORY,
    augment=(),
    column=None,
    label=None,
    devices=None,
    machines=None,
    command=None,
    console=None,
):
    """Trains a preset further on other images, or texts.

    Args:
        preset: name or folder of the preset.
        source: what `recipes.data.load_images` takes: a TFDS name, a folder of images,
            an `.npz`, arrays. Images are resized to the preset's shape, their classes
            matched by name to those of a preset that takes labels. Of a preset of texts
            what `recipes.data.texts.load_texts` takes; its vocabulary is kept.
        epochs: passes over the data; None is 3, more where those make fewer than
            300 steps, 30 at most.
        batch_size, learning_rate: of the further training. The rate rises over a tenth
            of the steps and falls to 0.
        strict, invert, memory, augment: as in `recipes.data.load_images`. Where the
            images look like negatives of the preset's, this is said.
        column, label: as in `recipes.data.texts.load_texts`.
        dtype, data_dir, out, seed, resume, devices, machines, command, console: as in
            `train`.

    Returns:
        `pathlib.Path` of the new preset, `<out>/preset`; None where another machine
        writes it.

    Raises:
        ValueError, OSError: if preset, data or folders are not usable, or if the ELBO
            of the validation data is no better than before.
    """
    if not 0 < learning_rate < np.inf:
        raise ValueError(
            f"`learning_rate` must be a number above 0; got {learning_rate!r}."
        )
    info = zoo.preset_info(preset)
    binarized = bool(info.get("dataset", {}).get("binarized"))
    model = zoo.from_preset(preset)
    dtype = choose_dtype(dtype, keras.backend.backend())
    shared, told_of_devices = shared_by(devices, machines)
    with shared():
        fitted = _in_dtype(model, dtype)
    form, kind = form_of(read_preset(preset).config), kind_of(model)
    options = {
        "data_dir": data_dir,
        "strict": strict,
        "invert": invert,
        "memory": memory,
        "column": column,
        "label": label,
    }
    augment = check_kinds(augment)
    with reading_data(console, isinstance(form, Texts)):
        data = load_data(source, form, seed=seed, augment=augment, **options)
        data = known_classes(model, data)
    name = as_name(f"{info.get('preset')}_{Path(data.name).stem}")
    with Run(
        out or Path("runs") / name,
        name,
        seed,
        resume,
        console,
        settings={
            "weights": info.get("sha256", {}).get("model.weights.h5"),
            "inverted": invert,
        },
        machines=machines,
    ) as run:
        print_report(data.report, run.console)
        print_report([told_of_devices] if told_of_devices else [], run.console)
        kind.remark(model, info, data, options, run.console)
        training = Training(
            epochs or _epochs_of_finetuning(data.train, batch_size),
            batch_size,
            learning_rate,
            rate_warmup=0.1,
            # So few steps would leave an average of weights close to where it began.
            ema_momentum=None,
            **({"steps_per_execution": 1} if isinstance(form, Texts) else {}),
        )
        with shared():
            run.fit(fitted, data, training, keep_start=True)
            if isinstance(getattr(fitted, "prior", None), zoo.CodePrior):
                # Its codes do not mean any more what they did.
                run.fit_prior(fitted, data, training)
            weights = fitted.get_weights()
        part(machines)
        if not run.writes:
            return None
        tuned = _in_dtype(model, model.dtype_policy.name)
        tuned.set_weights(weights)
        gain = Gain.measure(model, tuned, data, binarized)
        gain.check()
        run.console.print(gain.sentence)
        with reading_data(console, isinstance(form, Texts)):
            test = load_data(source, form, splits="test", **options)
            test = known_classes(model, test)
        return run.finish(
            tuned,
            test,
            binarized=binarized,
            metadata={
                "summary": f"{info.get('preset')}, fine-tuned on {data.name}.",
                "finetuned_from": info.get("preset"),
                "finetuning": gain.record(),
                "dataset": {
                    "name": data.name,
                    "license": data.license,
                    "binarized": binarized,
                    **kind.facts(data),
                    **({"inverted": True} if invert else {}),
                    **({"augmented": list(augment)} if augment else {}),
                },
                "training": run.record(command, dtype),
            },
        )


def _epochs_of_finetuning(images, batch_size):
    """Three, or more where the images are so few that those would be hardly a step."""
    steps = -(-len(images) // batch_size)
    return int(np.clip(-(-LEAST_STEPS // max(steps, 1)), 3, 30))


def _in_dtype(model, dtype):
    """The same model and weights, computing in another dtype."""
    copy = type(model).from_config({**model.get_config(), "dtype": dtype})
    copy.set_weights(model.get_weights())
    return copy
