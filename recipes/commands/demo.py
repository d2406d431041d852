"""The whole story in one command: a shipped preset, fine-tuned, exported, sampled.

Needs no network and no data folder. `Comparison` is the point of pretrained weights:
the same training with and without them.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from recipes.commands.demo_folder import PAGE, PICTURES, REPORT, check_folder, staged
from recipes.commands.sample_without_keras import sample_in_fresh_process
from recipes.commands.screen import new_table, print_line, print_table, screen
from recipes.commands.starting import start_keras
from recipes.common.events import check_images
from recipes.common.opening import open_preset
from recipes.common.progress import working

EPOCHS, BATCH_SIZE, LEARNING_RATE = 3, 32, 1e-3
TEXTS = "text_vae_phrases"


@dataclass
class Comparison:
    """Held-out ELBOs, in nats an image, of one architecture trained twice."""

    before: float
    pretrained: float
    scratch: float

    @property
    def gain(self):
        """How much better the pretrained weights are after the same training."""
        return self.pretrained - self.scratch


def run_demo(
    out="demo", preset="conv_vae_mnist", *, backend=None, epochs=EPOCHS, console=None
):
    """Fine-tunes a preset on the embedded digits, exports and samples it.

    Args:
        out: the folder to write, all of it or nothing; it must not exist, be empty, or
            hold an earlier demo.
        preset: name or folder of the preset to start from.
        backend: "tensorflow", "jax" or "torch"; None takes one that is installed.
        epochs: passes over the 1,500 digits, for both trainings.
        console: `rich.console.Console` for what it says.

    Returns:
        dict, what `demo.json` holds.

    Raises:
        FileExistsError: if there is something else in `out`.
        ValueError, OSError, ImportError: if preset, folder or packages are not usable.
    """
    start = time.monotonic()
    console = console or screen()
    found = open_preset(preset)
    check_images(found, "demo")
    out = Path(out).absolute()
    check_folder(out)
    start_keras(backend)
    with staged(out) as folder:
        report = _Demo(found, folder, out, epochs, console).run()
        report["seconds"] = round(time.monotonic() - start, 1)
        text = json.dumps(report, indent=1, sort_keys=True)
        (folder / REPORT).write_text(f"{text}\n", encoding="utf-8")
    _say_what_next(console, out, report)
    return report


class _Demo:
    """One run of the demo, step by step."""

    def __init__(self, preset, folder, out, epochs, console):
        self.preset, self.folder, self.epochs = preset, folder, epochs
        # Where the folder will lie in the end.
        self.out = Path(os.path.relpath(out))
        self.console = console
        self.steps = 0

    def run(self):
        import keras

        import zoo
        from recipes.data import binarize, import_early, load_images

        self._step(f"{self.preset.name}, on {keras.backend.backend()}")
        import_early()
        with working("Loading the preset and the digits"):
            model = zoo.from_preset(self.preset.folder)
            data = load_images(
                "digits",
                image_shape=model.image_shape,
                splits=("train", "test"),
                validation=0,
            )
            self.binarized = model.dynamic_binarization
            test = binarize(data.test) if self.binarized else data.test
            before = self._elbo(model, test)
            self._contact_sheet("samples_before.png", model.sample(64, seed=0))
        self.console.print(
            f"  {len(data.train):,} digits to train on, {len(test)} held out; ELBO of "
            f"the preset as it is {before:.1f} nats"
        )

        self._step(f"Fine-tuning it with model.fit, {self.epochs} epochs")
        history = self._fit(model, data.train)
        pretrained = self._elbo(model, test)
        images = self._pictures(model, test)
        self._save(model, data, history)

        self._step(f"Training the same model from scratch, {self.epochs} epochs")
        scratch = zoo.from_preset(self.preset.folder, load_weights=False)
        self._fit(scratch, data.train)
        comparison = Comparison(before, pretrained, self._elbo(scratch, test))
        self._print_comparison(comparison)

        deployed = self._deploy(model, images)
        self._report()
        texts = self._texts()
        return {
            "preset": self.preset.name,
            "backend": keras.backend.backend(),
            "epochs": self.epochs,
            "test_images": len(test),
            "elbo_before": comparison.before,
            "elbo_pretrained": comparison.pretrained,
            "elbo_scratch": comparison.scratch,
            "texts": texts,
            **deployed,
        }

    def _step(self, text):
        self.steps += 1
        self.console.print(f"{self.steps}. {text}", style="bold")

    def _fit(self, model, images):
        """The same training for both: plain ELBO, Adam, batches, seed."""
        import keras

        import zoo
        from recipes.runs.callbacks import ProgressBar

        # A warm-up that fresh weights would spend these epochs in would not be fair.
        model.objective = zoo.objectives.ELBO(beta=1.0)
        keras.utils.set_random_seed(0)
        model.compile(keras.optimizers.Adam(LEARNING_RATE))
        fitted = model.fit(
            images,
            batch_size=BATCH_SIZE,
            epochs=self.epochs,
            verbose=0,
            callbacks=[ProgressBar(self.console, self.epochs)],
        )
        return fitted.history

    def _elbo(self, model, test):
        return float(model.elbo(test, seed=0)["elbo"].mean())

    def _pictures(self, model, test):
        """Draws the fine-tuned model; returns its samples."""
        from recipes.common.contact_sheet import in_pairs

        images = model.sample(64, seed=0)
        self._contact_sheet("samples_after.png", images)
        # Every ninth: the test digits come in the order of their writers.
        originals = test[::9][:32]
        pairs = in_pairs(originals, model.reconstruct(originals))
        self._contact_sheet("reconstructions.png", pairs)
        return images

    def _contact_sheet(self, name, images):
        from recipes.common.contact_sheet import save_contact_sheet

        save_contact_sheet(self.folder / name, images, columns=8)

    def _save(self, model, data, history):
        from recipes.common.histories import write_histories

        name = f"{self.preset.name}_digits"
        model.save_to_preset(
            self.folder / "preset",
            metadata={
                "preset": name,
                "summary": f"{self.preset.name}, fine-tuned on digits by the demo.",
                "finetuned_from": self.preset.name,
                "dataset": {
                    "name": data.name,
                    "license": data.license,
                    "binarized": self.binarized,
                    "training_images": len(data.train),
                },
            },
        )
        write_histories(self.folder / "preset", {"model": history})

    def _print_comparison(self, comparison):
        numbers = ("before", f"after {self.epochs} epochs")
        table = new_table(
            None, "weights", *numbers, numbers=numbers, whole=("weights",)
        )
        before, after = comparison.before, comparison.pretrained
        table.add_row(self.preset.name, f"{before:.1f}", f"{after:.1f}")
        table.add_row("from scratch", "-", f"{comparison.scratch:.1f}")
        print_table(self.console, table)
        gain = comparison.gain
        verdict = "earn their keep" if gain > 0 else "do not pay off here"
        self.console.print(
            "  ELBO on the held-out digits, nats an image, higher is better. "
            f"Pretrained weights {verdict}: {gain:+.1f} nats."
        )

    def _report(self):
        """One page about the fine-tuned preset."""
        from recipes.documents.report import write_report

        self._step("Drawing a report about it, one page to open in a browser")
        write_report(
            self.folder / "preset",
            self.folder / PAGE,
            console=self.console,
            address=str(self.out / "preset"),
        )

    def _texts(self):
        """What the small preset of texts draws, and what lies between two of them."""
        import zoo

        self._step(f"Texts, too: {TEXTS}")
        with working("Drawing some"):
            model = zoo.from_preset(TEXTS)
            drawn = model.sample(2, seed=1)
            between = zoo.applications.interpolate(model, *drawn, num_steps=4)
            found = [*model.to_texts(drawn), *model.to_texts(between)[0][1:-1]]
        first, second, *halfway = found
        self.console.print(f"  from  {first}", markup=False)
        for text in halfway:
            self.console.print(f"   to   {text}", markup=False)
        self.console.print(f"   to   {second}", markup=False)
        return found

    def _deploy(self, model, images):
        """Exports and samples in a fresh process; what was measured."""
        import export

        self._step("Exporting it to ONNX")
        try:
            with working("Converting in a fresh TensorFlow process, about 30 s"):
                exported = export.export_model(model, self.folder / "onnx")
        except ImportError as error:
            self.console.print(f"  Left out: {error}", markup=False)
            return {"export": None}
        self.console.print(
            f"  {exported.bytes / 1e6:.1f} MB, largest error against Keras "
            f"{exported.max_abs_error:.1e}"
        )
        self._step("Sampling it in a fresh process: onnxruntime and no Keras")
        with working("Starting it"):
            fresh, difference = sample_in_fresh_process(
                self.folder / "onnx", self.folder / "samples_onnx.png", images
            )
        self.console.print(
            f"  import of {', '.join(fresh['refused'])}: refused; loaded: "
            f"{', '.join(fresh['loaded']) or 'none of them'}\n"
            f"  {fresh['num_samples']} samples in {fresh['seconds']:.2f} s, imports "
            f"included; largest difference from Keras {difference:.1e}"
        )
        return {
            "export": exported.to_dict() | {"path": "onnx"},
            "fresh_process": fresh | {"largest_difference": difference},
        }


def _say_what_next(console, out, report):
    out = Path(os.path.relpath(out))
    names = [PAGE, *PICTURES, "onnx", "preset", REPORT]
    if not report["export"]:
        names = [n for n in names if n not in ("onnx", "samples_onnx.png")]
    lines = [
        f"\nWritten to {out} in {report['seconds']:.0f} s: {', '.join(names)}",
        "",
        "Next:",
        f"  vae-zoo show {out / 'preset'}",
        f"  vae-zoo sample {out / 'preset'} --seed 1 --out more.png",
        "  vae-zoo finetune PRESET --data FOLDER_OF_YOUR_IMAGES",
    ]
    if report["export"]:
        lines.insert(-1, f"  vae-zoo verify {out / 'onnx'}")
    print_line(console, "\n".join(lines))
