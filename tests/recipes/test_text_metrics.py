"""Figures of models of texts: by hand, by brute force, and as they are kept."""

import io
import math
from collections import Counter

import numpy as np
import pytest
from rich.console import Console

import zoo
from recipes.data.texts import load_texts
from recipes.metrics import each_image
from recipes.metrics.evaluation import evaluate_preset
from recipes.metrics.self_bleu import self_bleu
from recipes.metrics.texts import by_length, evaluate_texts, per_unit

PHRASES = {"kind": "words", "size": 100, "max_length": 20}


def quiet():
    return Console(file=io.StringIO(), width=200)


def bleu(hypothesis, references, order):
    """BLEU of one text against others, straight from its definition."""
    logs = []
    for n in range(1, order + 1):

        def ngrams(words, n=n):
            return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

        own, others = ngrams(hypothesis), [ngrams(r) for r in references]
        matched = sum(
            min(count, max(other[gram] for other in others))
            for gram, count in own.items()
        )
        logs.append(math.log((matched or 0.1) / max(sum(own.values()), 1)))
    nearest = min((abs(len(r) - len(hypothesis)), len(r)) for r in references)[1]
    penalty = min(0.0, 1 - nearest / len(hypothesis))
    return math.exp(penalty + sum(logs) / order)


@pytest.mark.parametrize("order", [2, 4])
def test_self_bleu_is_that_of_its_definition(order):
    rng = np.random.default_rng(0)
    texts = [
        " ".join(rng.choice(list("abcd"), size=rng.integers(1, 9))) for _ in range(40)
    ]
    texts += [texts[3], "quite another text of nothing alike"]
    words = [text.split() for text in texts]
    wanted = [
        bleu(own, words[:i] + words[i + 1 :], order) for i, own in enumerate(words)
    ]
    np.testing.assert_allclose(self_bleu(texts, order), wanted, rtol=1e-12)
    assert self_bleu(["a b", ""]).tolist()[1] == 0


def test_perplexities_by_hand():
    tokens = np.array([[5, 6, 7, 0], [5, 6, 7, 8]], np.int32)  # one without an end
    lengths = np.array([[2, 9], [3, 14]])
    found = per_unit(np.array([8.0, 10.0]), tokens, lengths)
    assert found["perplexity_per_word"] == pytest.approx(math.exp(18 / 6))
    assert found["perplexity_per_token"] == pytest.approx(math.exp(18 / 8))
    assert found["bits_per_character"] == pytest.approx(18 / 24 / math.log(2))
    # All texts alike by the word: nothing to be unsure of.
    alike = per_unit(np.array([3.0, 4.0]), tokens, np.array([[2, 9], [4, 14]]))
    assert alike["perplexity_per_word_standard_error"] == pytest.approx(0, abs=1e-12)


def test_texts_in_parts_of_like_length_are_all_there():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 21, 50)
    tokens = np.where(np.arange(20) < lengths[:, None], 7, 0).astype("int32")
    order, parts = by_length(tokens, np.arange(50), seed=3)
    assert sorted(order.tolist()) == list(range(50))
    assert {part.x.shape[1] for part in parts} <= {8, 16, 20}
    assert len({part.seed for part in parts}) == len(parts)
    assert np.concatenate([part.labels for part in parts]).tolist() == order.tolist()
    for part in parts:
        wide = np.pad(part.x, ((0, 0), (0, 20 - part.x.shape[1])))
        np.testing.assert_array_equal(wide, tokens[part.labels])


@pytest.fixture(scope="module")
def data():
    return load_texts("phrases", splits=("train", "test"), test=60, **PHRASES)


@pytest.fixture(scope="module")
def preset(data, tmp_path_factory):
    model = zoo.TextVAE(
        20, latent_dim=2, units=8, embedding_dim=4, vocabulary=data.vocabulary, seed=0
    )
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    model.save_to_preset(folder, {"dataset": {"name": "phrases"}})
    return folder


def test_an_evaluation_says_all_there_is(preset, data):
    model = zoo.from_preset(preset)
    options = {"num_importance_samples": 5, "seed": 1, "console": quiet()}
    found = evaluate_texts(model, data, **options)
    assert found["test_texts"] == 60 and found["texts_left_out"] == 0
    assert found["unknown_words"] == 0 and found["words"] == data.words["test"]
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"], 1e-5)
    # The narrower rows are exact: the same but for the noise.
    plain = model.log_marginal_likelihood(data.test, None, 400, seed=0)
    close = evaluate_texts(model, data, num_importance_samples=400, console=quiet())
    assert close["nll"] == pytest.approx(-plain.mean(), abs=0.02)
    ends = data.words["test"] + 60
    assert found["perplexity_per_word"] == pytest.approx(
        math.exp(found["nll"] * 60 / ends)
    )
    assert found["active_units"] <= 2 and len(found["kl_per_latent"]) == 2
    assert found["mutual_information"] <= found["mutual_information_bound"]
    shuffled, real = (
        found[f"self_bleu_of_{name}"] for name in ("shuffled_words", "real_texts")
    )
    assert 0 <= found["self_bleu"] < shuffled < real <= 1
    assert "a text" in " ".join(found["diagnosis"])
    again = evaluate_texts(model, data, **options)
    for each in (found, again):
        each.pop("seconds")
    assert found == again


def test_an_interrupted_evaluation_goes_on(preset, tmp_path, monkeypatch):
    kept = tmp_path / "kept.npz"
    options = {"num_importance_samples": 3, "console": quiet(), "kept": kept}
    few = load_texts("phrases", splits="test", test=60, **PHRASES).vocabulary
    texts = few.decode(load_texts("phrases", vocabulary=few, max_length=20).validation)
    whole = evaluate_preset(preset, texts[:400], **options)
    seen = []

    class Interrupted(Exception):
        pass

    def extend(self, values):
        each_image_extend(self, values)
        seen.append(len(values))
        if sum(seen) > 20:
            raise Interrupted

    each_image_extend = each_image.ResumableValues.extend
    with monkeypatch.context() as patch:
        patch.setattr(each_image.ResumableValues, "extend", extend)
        with pytest.raises(Interrupted):
            evaluate_preset(preset, texts[:400], **options)
    assert kept.is_file()
    resumed = evaluate_preset(preset, texts[:400], resume=True, **options)
    assert not kept.exists() and resumed["test_texts"] == 40
    for name in ("nll", "nll_ess", "elbo", "perplexity_per_word"):
        assert resumed[name] == pytest.approx(whole[name], rel=1e-6)
    assert set(resumed["intervals"]) >= {"nll", "perplexity_per_word", "self_bleu"}
    with pytest.raises(ValueError, match="--invert .* a model of texts"):
        evaluate_preset(preset, texts, invert=True, **options)
