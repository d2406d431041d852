"""Runs of models of texts: trained, resumed, fine-tuned, and what they leave."""

import dataclasses
import io
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from event_files import read_events
from rich.console import Console

import zoo
from recipes import text_vae_collapse
from recipes.data.forms import Texts
from recipes.documents.texts import markdown_cells
from recipes.recipe import RECIPES, Recipe, Training, get_recipe
from recipes.runs.training import finetune, train
from zoo.vocabulary import Vocabulary

once = pytest.mark.one_backend("what a run leaves and refuses is the same on all")
TEXTS = [
    f"{number} {colour} {animal}"
    for number in ("one", "two", "three", "no")
    for colour in ("grey", "red", "white", "old", "small")
    for animal in ("cats", "dogs", "owls", "foxes")
] * 2


def quiet():
    return Console(file=io.StringIO(), width=200)


def build_model(beta, seed, dtype, vocabulary):
    return zoo.TextVAE(
        5,
        latent_dim=2,
        units=12,
        embedding_dim=6,
        vocabulary=vocabulary,
        objective=zoo.objectives.ELBO(beta=beta, free_bits=1.0, free_bits_of="group"),
        seed=seed,
        dtype=dtype,
    )


def tiny_recipe(**changes):
    return Recipe(
        name="tiny_texts",
        summary="A tiny model of texts.",
        dataset=TEXTS,
        texts=Texts(max_length=5, kind="words", size=30),
        validation=20,
        binarized=False,
        training=Training(
            **{
                "epochs": 4,
                "batch_size": 16,
                "learning_rate": 2e-2,
                "ema_momentum": 0.5,
                "steps_per_execution": 1,
                **changes,
            }
        ),
        build_model=build_model,
        num_importance_samples=5,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out, console = tmp_path_factory.mktemp("runs") / "texts", quiet()
    preset = train(tiny_recipe(), out=out, command="train tiny", console=console)
    return out, preset, console.file.getvalue()


@once
def test_a_model_begins_with_the_encoder_of_an_autoencoder(tmp_path, monkeypatch):
    begins, trained = [], zoo.TextVAE.fit

    def fit(self, *args, **options):
        begins.append(self.encoder.get_weights())
        history = trained(self, *args, **options)
        ends.append(self.encoder.get_weights())
        return history

    ends = []
    monkeypatch.setattr(zoo.TextVAE, "fit", fit)
    recipe = tiny_recipe(ema_momentum=None)
    first = dataclasses.replace(recipe.training, epochs=2)
    recipe = dataclasses.replace(recipe, encoder_training=first)
    preset = train(recipe, out=tmp_path / "run", console=quiet())
    record = zoo.preset_info(preset)["training"]
    assert (record["epochs"], record["encoder"]["epochs"]) == (4, 2)
    # The autoencoder's best weights, here its last, are what the model begins with.
    assert record["encoder"]["best_epoch"] == 2
    for ended, begun in zip(ends[0], begins[1], strict=True):
        np.testing.assert_array_equal(ended, begun)
    assert any((a != b).any() for a, b in zip(begins[0], begins[1], strict=True))


@once
def test_remedies_of_collapse_are_models_that_differ():
    vocabulary = Vocabulary("words", ["", "<unk>", "a", "cat"])
    made = {}
    for each in text_vae_collapse.members(10):
        model = each.recipe.build_model(1.0, 0, None, vocabulary)
        first = each.recipe.encoder_training
        told = json.dumps([model.get_config(), each.recipe.training.warmup_epochs])
        made[each.recipe.name] = f"{type(model).__name__} {told} {first}"
        assert each.recipe.anchors == ()
    assert len(set(made.values())) == len(made) == 10
    # A language model has no use of its latent.
    model = text_vae_collapse.language_model()(
        4, latent_dim=2, units=4, vocabulary=vocabulary, seed=0
    )
    z = np.random.default_rng(0).standard_normal((1, 3, 2), np.float32)
    found = model.log_likelihood(vocabulary.encode(["a cat"] * 3, 4), z)
    assert np.ptp(keras.ops.convert_to_numpy(found)) < 1e-6


@once
def test_the_preset_is_close_to_a_language_model_and_uses_its_latent():
    path = Path(text_vae_collapse.__file__).with_suffix(".json")
    rows = {row["name"]: row["metrics"] for row in json.loads(path.read_text())}
    shipped = zoo.preset_info("text_vae_wordnet")["metrics"]
    alone = rows["language_model_of_preset"]["nll"]
    assert shipped["test_texts"] == rows["language_model_of_preset"]["test_texts"]
    assert alone < shipped["nll"] < 1.02 * alone and shipped["kl"] >= 5


def test_a_run_ends_in_a_preset(finished):
    out, preset, printed = finished
    assert preset == out / "preset"
    for words in ("vocabulary: 15 tokens, words", "124 texts", "validation"):
        assert words in printed
    assert "images" not in printed
    model, info = zoo.from_preset(preset), zoo.preset_info(preset)
    assert model.vocabulary.kind == "words" and len(model.vocabulary) == 15
    assert info["dataset"]["training_texts"] == 124
    assert info["metrics"]["test_texts"] == 16 and info["texts"]["max_length"] == 5
    assert info["metrics"]["nll"] < 4 * np.log(15)
    history = json.loads((preset / "history.json").read_text())["model"]
    assert len(history["val_elbo"]) == 4 and history["elbo"][-1] > history["elbo"][0]
    assert all(isinstance(text, str) for text in model.to_texts(model.sample(2)))


@once
def test_a_card_has_tables_in_place_of_pictures(finished):
    _, preset, _ = finished
    card = (preset / "README.md").read_text("utf-8")
    examples = zoo.preset_info(preset)["examples"]
    assert len(examples["samples"]) == 10 and len(examples["reconstructions"]) == 8
    assert len(examples["interpolations"]) == 4
    model = zoo.from_preset(preset)
    assert examples["samples"] == model.to_texts(model.sample(10, seed=0))
    for words in ("| samples |", "| text | reconstruction |", "perplexity a word"):
        assert words in card
    for (text,) in markdown_cells([[text] for text in examples["samples"]]):
        assert text in card
    assert "image" not in card and "samples.png" not in card
    assert {path.name for path in preset.glob("*.png")} == {"training.png"}


@once
def test_tensorboard_has_texts(finished):
    out, _, _ = finished
    events = read_events(out / "logs" / "texts")
    assert set(events) == {"samples", "reconstructions", "interpolations"}
    assert sorted(events["samples"]) == [1, 2, 3, 4]
    table = bytes(events["reconstructions"][4][0]).decode()
    assert table.startswith("| text | reconstruction |")
    assert "latents/kl" in read_events(out / "logs" / "latents")


def test_a_run_goes_on_after_a_kill(finished, tmp_path, monkeypatch):
    import keras

    _, preset, _ = finished

    class Killed(Exception):
        pass

    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise Killed

    from recipes.runs import run

    stop = run.run_callbacks.StopBetweenSteps
    with monkeypatch.context() as patch:
        patch.setattr(run.run_callbacks, "StopBetweenSteps", lambda steps: Kill())
        with pytest.raises(Killed):
            train(tiny_recipe(), out=tmp_path / "run", console=quiet())
    assert stop is run.run_callbacks.StopBetweenSteps
    console = quiet()
    again = train(tiny_recipe(), out=tmp_path / "run", resume=True, console=console)
    assert "Going on after epoch 2" in console.file.getvalue()
    one, two = (zoo.from_preset(p).get_weights() for p in (preset, again))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_finetuning_keeps_the_vocabulary(finished, tmp_path):
    _, preset, _ = finished
    path = tmp_path / "mine.csv"
    rows = [f"{text},{i % 2}" for i, text in enumerate(TEXTS[:60])]
    rows += ["one pink cat,1", "a text of six words now,0"]
    path.write_text("\r\n".join(["text,kind", *rows * 2]), encoding="utf-8")
    console = quiet()
    tuned = finetune(
        preset,
        str(path),
        epochs=4,
        learning_rate=2e-2,
        column="text",
        out=tmp_path / "run",
        console=console,
    )
    printed = console.file.getvalue()
    for words in ("longer than 5 tokens", "words are not known", "validation texts:"):
        assert words in printed
    info = zoo.preset_info(tuned)
    assert info["finetuned_from"] == "tiny_texts"
    assert info["finetuning"]["validation_texts"] > 0
    assert info["dataset"]["name"] == "mine.csv"
    assert zoo.from_preset(tuned).vocabulary == zoo.from_preset(preset).vocabulary
    assert "went from" in (tuned / "README.md").read_text("utf-8")


@once
@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("text\nonly", {}, "1 texts are too few"),
        ("", {}, "has no texts"),
        ("\0\1", {}, "is a binary file"),
        ("one red cat\n" * 9, {"invert": True}, "--invert .* is for images"),
        ("one red cat\n" * 9, {"augment": "flip"}, "--augment .* is for images"),
        ("one two three four five six\n" * 9, {}, "texts are longer than 5 tokens"),
        ("one red cat\none red cat", {}, "must be at least 3"),
    ],
)
def test_data_of_no_use_are_refused(source, options, words, finished, tmp_path):
    _, preset, _ = finished
    path = tmp_path / "mine.txt"
    path.write_text(source if "text\n" not in source else "only", encoding="utf-8")
    with pytest.raises(ValueError, match=words) as error:
        finetune(preset, path, out=tmp_path / "run", console=quiet(), **options)
    assert len(str(error.value).splitlines()) == 1


@once
def test_presets_that_do_not_fit_are_refused(finished, tmp_path):
    _, preset, _ = finished
    for number, source in enumerate(("digits", tmp_path)):
        with pytest.raises(
            (ValueError, FileNotFoundError), match="no data set|of text|a folder"
        ):
            finetune(preset, str(source), out=tmp_path / f"{number}", console=quiet())
    bare = tmp_path / "bare"
    zoo.TextVAE(5, 20, latent_dim=2, units=4, seed=0).save_to_preset(bare)
    with pytest.raises(ValueError, match="has no vocabulary"):
        finetune(bare, "phrases", out=tmp_path / "run", console=quiet())
    with pytest.raises(ValueError, match="must have 20 tokens, as the model has; got"):
        words = Vocabulary("words", ["", "<unk>", "a"])
        zoo.TextVAE(5, 20, latent_dim=2, units=4, vocabulary=words)
    with pytest.raises(ValueError, match="between 0 and 14; got values from 0 to 99"):
        zoo.from_preset(preset).elbo([[3, 99, 0, 0, 0]])
    with pytest.raises(ValueError, match="at most 5 tokens; number 0 has 6"):
        zoo.from_preset(preset).elbo(["a b c d e f"])
    with pytest.raises(ValueError, match="an `image_shape`, or of `texts`"):
        Recipe("none", "", "phrases", 1, False, Training(1), build_model)


@once
def test_shipped_recipes_of_texts_make_their_models():
    words = Vocabulary("words", ["", "<unk>", "a", "cat"])
    for name in RECIPES:
        recipe = get_recipe(name)
        assert (recipe.texts is None) == (recipe.image_shape is not None)
        if recipe.texts:
            assert recipe.training.steps_per_execution == 1
            model = recipe.build_model(
                beta=1.0, seed=0, dtype="float32", vocabulary=words
            )
            assert model.event.shape == (recipe.texts.max_length,)
