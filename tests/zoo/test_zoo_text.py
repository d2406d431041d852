"""TextVAE: against NumPy, sums over all texts, quadrature and a language of known p."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from numpy_reference import gaussian_kl, noise_of
from numpy_text import NumpyText
from zoo_helpers import array, random_weights

import zoo
from zoo.objectives import ELBO
from zoo.training.text_rows import TextRows
from zoo.vocabulary import Vocabulary

once = pytest.mark.one_backend("networks are compared with NumPy on each backend")
KINDS = ("gru", "lstm", "transformer")
WORDS = Vocabulary("words", ["", "<unk>", "a", "small", "large", "cat", "dog"])
TEXTS = ["a small cat", "a dog", "large", "a large small cat dog", ""]
V, T = len(WORDS), 5


def make(networks="gru", **options):
    options = {
        "latent_dim": 2,
        "units": 6,
        "embedding_dim": 4,
        "vocabulary": WORDS,
        "seed": 0,
        "name": "text",
        **options,
    }
    return zoo.TextVAE(options.pop("max_length", T), networks=networks, **options)


def tokens_of(row):
    return [token for token in row if token]


# Against NumPy.


@pytest.mark.parametrize("labels", [None, [0, 2, 1, 1, 0]])
@pytest.mark.parametrize("networks", KINDS)
def test_elbo_matches_numpy(networks, labels):
    classes = None if labels is None else 3
    model = make(networks, num_layers=2, num_classes=classes)
    weights = random_weights(model, seed=11, scale=0.4)
    other = NumpyText(weights, networks, V, num_layers=2)
    x = WORDS.encode(TEXTS, T)
    given = model.elbo(x, labels, seed=7)
    noise = noise_of(7, len(x), 2)
    for i, row in enumerate(x):
        label = () if labels is None else np.eye(3)[labels[i]]
        mean, log_var = other.encode(tokens_of(row), label)
        z = mean + np.exp(0.5 * log_var) * noise[i]
        expected = other.log_prob(tokens_of(row), z, T, label)
        kl = gaussian_kl(mean, log_var)
        np.testing.assert_allclose(given["log_likelihood"][i], expected, rtol=1e-4)
        np.testing.assert_allclose(given["kl"][i], kl, rtol=1e-4)
        np.testing.assert_allclose(given["elbo"][i], expected - kl, rtol=1e-4)


@pytest.mark.parametrize("networks", KINDS)
def test_tokens_are_drawn_as_numpy_draws_them(networks):
    model = make(networks)
    weights = random_weights(model, seed=12, scale=0.6)
    other = NumpyText(weights, networks, V)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((20, 2), dtype=np.float32)
    uniforms = rng.random((20, T), dtype=np.float32)
    assert model.noise == (2, T)
    drawn = array(model.generate(noise=noise, uniforms=uniforms, temperature=0.7))
    assert drawn.dtype == np.int32
    for z, row, found in zip(0.7 * noise, uniforms, drawn, strict=True):
        expected = []
        for u in row:
            logits = other.logits(expected, z)[-1] / 0.7
            p = np.exp(logits - logits.max())
            token = int((np.cumsum(p / p.sum())[:-1] <= u).sum())
            if token == 0:
                break
            expected.append(token)
        assert tokens_of(found) == expected
        assert not np.any(found[len(expected) :])


# As probabilities.


def every_text(vocabulary_size, length):
    """All rows of so many tokens that are texts."""
    rows = []
    for count in range(length + 1):
        for tokens in itertools.product(range(1, vocabulary_size), repeat=count):
            rows.append([*tokens, *[0] * (length - count)])
    return np.array(rows, np.int32)


@pytest.mark.parametrize("networks", KINDS)
def test_probabilities_of_all_texts_sum_to_one(networks):
    model = make(networks, vocabulary=None, vocabulary_size=4, max_length=3)
    random_weights(model, seed=1, scale=0.8)
    x = every_text(4, 3)
    assert len(x) == 1 + 3 + 9 + 27
    z = np.broadcast_to(np.float32([0.7, -1.2]), (1, len(x), 2))
    log_probs = array(model.log_likelihood(ops.convert_to_tensor(x), z))
    np.testing.assert_allclose(np.exp(log_probs.astype(float)).sum(), 1, rtol=1e-5)


def test_likelihood_is_that_of_quadrature_and_of_samples():
    model = make(vocabulary=None, vocabulary_size=3, max_length=3, latent_dim=1)
    random_weights(model, seed=2, scale=0.4)
    x = every_text(3, 3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    z = np.broadcast_to(np.float32(nodes)[:, None, None], (40, len(x), 1))
    given_z = array(model.log_likelihood(ops.convert_to_tensor(x), z)).astype(float)
    p = weights @ np.exp(given_z)
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-5)
    estimated = model.log_marginal_likelihood(x, num_importance_samples=4000, seed=0)
    np.testing.assert_allclose(np.exp(estimated), p, rtol=0.05)
    # Samples are as frequent as they are probable: a chi-square of 14 degrees.
    count = 4000
    drawn = model.sample(count, seed=3)
    found = (drawn[:, None] == x).all(axis=2).sum(axis=0)
    assert found.sum() == count
    chi_square = np.sum((found - count * p) ** 2 / (count * p))
    assert chi_square < 36, chi_square  # p of more: 0.001


# Rows.


@once
@pytest.mark.parametrize("networks", KINDS)
def test_narrow_rows_are_filled_rows(networks):
    model = make(networks)
    random_weights(model, seed=4)
    x = WORDS.encode(TEXTS[:3], T)
    whole, narrow = model.elbo(x, seed=1), model.elbo(x[:, :3], seed=1)
    for name, values in whole.items():
        np.testing.assert_allclose(narrow[name], values, rtol=1e-5, atol=1e-6)


@once
def test_texts_and_their_tokens_are_the_same():
    model = make()
    x = WORDS.encode(TEXTS, T)
    for given in (TEXTS, np.array(TEXTS), tuple(TEXTS), x.astype("int64"), x.tolist()):
        np.testing.assert_array_equal(
            model.elbo(given, seed=0)["elbo"], model.elbo(x, seed=0)["elbo"]
        )
    assert model.to_texts(x[:3]) == TEXTS[:3]
    assert model.to_texts(x[None, :2]) == [TEXTS[:2]]


@once
def test_batches_of_like_length_are_all_texts_once():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, 1000)
    tokens = np.where(np.arange(40) < lengths[:, None], 7, 0).astype("int32")
    rows = TextRows(tokens)
    order = rng.permutation(1000)
    arranged = rows.arrange(order, 32)
    assert sorted(arranged) == list(range(1000))
    assert set(arranged[-8:]) == set(order[-8:])  # the smaller batch stays the last
    spread = [np.ptp(lengths[arranged[i : i + 32]]) for i in range(0, 992, 32)]
    assert np.mean(spread) < 4 < np.ptp(lengths[order[:32]])
    for i in range(0, 992, 32):
        batch = rows[arranged[i : i + 32]]
        longest = lengths[arranged[i : i + 32]].max()
        assert longest < batch.shape[1] <= longest + 8 or batch.shape[1] == 40
    assert np.array_equal(rows.arrange(order, 32), arranged)


# Training.


@pytest.mark.parametrize("networks", KINDS)
def test_fit_lowers_the_loss(networks):
    model = make(networks, beta=0.1)
    model.compile(keras.optimizers.Adam(0.02))
    texts = TEXTS[:4] * 8
    history = model.fit(
        texts, batch_size=8, epochs=6, validation_data=texts[:8], verbose=0
    ).history
    assert history["loss"][-1] < history["loss"][0] - 0.2
    assert history["val_loss"][-1] < history["val_loss"][0] - 0.2
    assert int(model.steps_trained) == 24


@once
def test_hidden_words_are_hidden_in_training_alone():
    model = make(word_dropout=1.0)
    random_weights(model, seed=5)
    z = np.zeros((1, 2, 2), "float32")
    one, other = (
        ops.convert_to_tensor(WORDS.encode([t] * 2, T)) for t in (TEXTS[0], TEXTS[3])
    )
    hidden = [array(model.logits(x, z, training=True)) for x in (one, other)]
    np.testing.assert_array_equal(*hidden)
    seen = [array(model.logits(x, z)) for x in (one, other)]
    assert np.abs(seen[0] - seen[1]).max() > 0.01


@once
def test_a_bag_of_words_is_told_by_the_latent_alone():
    model = make(bag_of_words=0.5)
    weights = random_weights(model, seed=6)
    x = ops.convert_to_tensor(WORDS.encode(TEXTS, T))
    noise = ops.zeros((1, len(TEXTS), 2))
    terms = model.elbo_terms(x, noise=noise, training=True)
    z = array(terms.group.z)[0]
    logits = z @ weights["bag/kernel"] + weights["bag/bias"]
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = [
        -sum(log_probs[i, token] for token in tokens_of(row))
        for i, row in enumerate(array(x))
    ]
    found = array(terms.extra["bag_of_words"])
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    plain = array(-terms.elbo)
    losses = array(model.example_losses(terms, ops.zeros(())))
    np.testing.assert_allclose(losses, plain + 0.5 * found, rtol=1e-5)
    assert "bag_of_words" not in model.elbo_terms(x, noise=noise).extra


@once
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float64"])
def test_other_dtypes_train(dtype):
    model = make(dtype=dtype, bag_of_words=0.1, word_dropout=0.2)
    model.compile()
    loss = model.fit(TEXTS[:4] * 4, verbose=0).history["loss"][0]
    assert np.isfinite(loss)
    assert model.elbo(TEXTS, seed=0)["elbo"].dtype == np.float32


@once
def test_objectives_hold_the_kl_of_the_latent():
    model = make(objective=ELBO(free_bits=3.0, free_bits_of="group"))
    x = ops.convert_to_tensor(WORDS.encode(TEXTS, T))
    terms = model.elbo_terms(x, noise=ops.zeros((1, len(TEXTS), 2)))
    assert array(terms.kl).max() < 3
    losses = array(model.example_losses(terms, ops.zeros(())))
    np.testing.assert_allclose(losses, array(terms.reconstruction) + 3, rtol=1e-5)


# Saving.


@once
@pytest.mark.parametrize("networks", KINDS)
def test_presets_and_keras_files_keep_everything(networks, tmp_path):
    model = make(
        networks,
        num_layers=2,
        dropout=0.1,
        word_dropout=0.2,
        bag_of_words=zoo.schedules.LinearWarmup(5),
        num_classes=2,
        class_names=["x", "y"],
        prior="label_normal",
    )
    model.compile()
    labels = [0, 1, 0, 1, 1]
    model.fit(TEXTS, labels, verbose=0)
    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    for other in (
        zoo.from_preset(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        assert other.get_config() == model.get_config()
        assert other.vocabulary == WORDS
        np.testing.assert_allclose(
            other.elbo(TEXTS, labels, seed=0)["elbo"],
            model.elbo(TEXTS, labels, seed=0)["elbo"],
            rtol=1e-6,
        )
        np.testing.assert_array_equal(
            other.sample(9, labels="y", seed=1), model.sample(9, labels="y", seed=1)
        )
    other.fit(TEXTS, labels, verbose=0)
    assert int(other.steps_trained) == 2
    info = zoo.preset_info(tmp_path / "preset")
    assert info["class_names"] == ["x", "y"]
    assert info["texts"] == {"max_length": T, "vocabulary_size": V, "kind": "words"}


@once
@pytest.mark.parametrize("prior", ["flow", "mixture"])
def test_learned_priors(prior):
    model = make(prior=prior)
    model.compile()
    model.fit(TEXTS * 2, verbose=0)
    first = model.sample(6, seed=0)
    np.testing.assert_array_equal(first[:4], model.sample(4, seed=0))
    rest = np.concatenate(list(model.iter_sample(3, seed=0, first=3)))
    np.testing.assert_array_equal(first[3:], rest)
    assert np.isfinite(model.log_marginal_likelihood(TEXTS, seed=0)).all()


# What users give.


@once
@pytest.mark.parametrize(
    "given, error, words",
    [
        (None, ValueError, "must be texts; got None"),
        ([], ValueError, "at least one text"),
        ([[1, 2, 3, 4, 7]], ValueError, "between 0 and 6; got values from 1 to 7"),
        ([[-1, 0, 0, 0, 0]], ValueError, "got values from -1 to 0"),
        ([[1, 0, 2, 0, 0]], ValueError, "row 0 goes on after"),
        (["a"] * 2 + ["a a a a a a"], ValueError, "at most 5 tokens; number 2 has 6"),
        ([[1.5, 0.0]], TypeError, "whole numbers"),
        (np.zeros((2, 6), int), ValueError, r"shape \(N, 5\), or \(N, t\)"),
        ([[1, 2], [1]], ValueError, "equally many tokens"),
        ([b"a"], TypeError, "is bytes: decode them"),
        (["a", 3], TypeError, "A text must be a str"),
    ],
)
def test_bad_texts_get_a_sentence(given, error, words):
    model = make()
    model.compile()
    with pytest.raises(error, match=words):
        model.fit(given, verbose=0)
    if given is not None:
        with pytest.raises(error, match=words):
            model.elbo(given)


@once
@pytest.mark.parametrize(
    "options, words",
    [
        ({"vocabulary": None}, "Give `vocabulary_size`"),
        ({"vocabulary_size": 9}, "must have 9 tokens, as the model has; got 7"),
        ({"max_length": 0}, "`max_length` must be a whole number >= 1"),
        ({"networks": "conv"}, "`networks` must be one of 'gru'"),
        ({"word_dropout": 1.5}, "`word_dropout` must lie in"),
        ({"dropout": 1.0}, "`dropout` must lie in"),
        ({"prior": "vamp"}, "VampPrior"),
        ({"prior": "label_normal"}, "give `num_classes`"),
        ({"bag_of_words": -1}, "`bag_of_words` must be"),
        ({"num_classes": 2, "class_names": ["x"]}, "class_names"),
    ],
)
def test_bad_options_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        make(**options)


@once
def test_tools_for_images_refuse_texts():
    model = make()
    with pytest.raises(
        ValueError, match="is for images; a TextVAE is a model of texts"
    ):
        zoo.applications.impute(model, TEXTS, None)
    with pytest.raises(
        ValueError, match="is for images; a TextVAE is a model of texts"
    ):
        zoo.applications.compress(model, TEXTS)
    with pytest.raises(ValueError, match="changes pixels"):
        model.compile(corruption="masking")
    with pytest.raises(ValueError, match="model of texts"):
        zoo.applications.AnomalyDetector(model, score="smoothed_error").fit(TEXTS)
    untold = make(vocabulary=None, vocabulary_size=V)
    with pytest.raises(TypeError, match="has no vocabulary"):
        untold.elbo(TEXTS)
    with pytest.raises(ValueError, match="has no vocabulary"):
        untold.to_texts([[1, 2]])
    with pytest.raises(
        ValueError, match="takes no labels, but got labels beside the texts"
    ):
        model.elbo(TEXTS, [0] * 5)


# What people do with them.


@once
def test_between_texts_beside_texts_and_odd_ones():
    model = make(beta=0.05)
    model.compile(keras.optimizers.Adam(0.02))
    texts = TEXTS[:4] * 16
    model.fit(texts, batch_size=8, epochs=10, verbose=0)
    between = zoo.applications.interpolate(model, "a dog", ["a small cat"], num_steps=4)
    assert between.shape == (1, 4, T) and between.dtype == np.int32
    ends = model.to_texts(between)[0]
    assert ends[0] == model.to_texts(model.reconstruct("a dog"))[0]
    found, _ = zoo.applications.nearest(model, TEXTS[:4], ["a dog", "large"], 1)
    assert found[:, 0].tolist() == [1, 2]
    for score in ("elbo", "likelihood", "reconstruction", "latent", "typicality"):
        detector = zoo.applications.AnomalyDetector(model, score, num_draws=4)
        assert detector.fit(texts).score_samples(TEXTS).shape == (5,)
    detector = zoo.applications.AnomalyDetector(model).fit(texts)
    scores = detector.score_samples(["a dog", "dog dog dog a dog"])
    assert scores[1] < scores[0] - 3
    tokens = detector.heat_map(["a dog", "dog a"])
    assert tokens.shape == (2, T)
    assert tokens[1, 0] > tokens[0, 0] + 1  # no text begins with it
    assert not tokens[:, 3:].any()  # nothing after the end
