"""`zoo.applications`: tools of the latent space, where latents are known."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import layers, ops
from sklearn import metrics
from zoo_helpers import SHAPE, array, make_dense, random_weights

import zoo
from zoo import applications
from zoo.applications import paths, projections, vectors

pytestmark = pytest.mark.one_backend("NumPy around `encode` and `decode`")

DIMS = 4


class Pick(layers.Layer):
    """Encodes exactly: latents are pixels, 4 (x - 0.5), and all certain alike."""

    def call(self, x, training=False):
        mean = 4 * (ops.reshape(x, (-1, 64))[:, :DIMS] - 0.5)
        return ops.concatenate([mean, ops.full_like(mean, -4.0)], axis=-1)


class Put(layers.Layer):
    """Decodes to logits: the latents as pixels, all others at a half."""

    def build(self, input_shape=None):
        self.built = True

    def call(self, z, training=False):
        shown = ops.clip(0.5 + z / 4, 1e-6, 1 - 1e-6)
        logits = ops.log(shown) - ops.log(1 - shown)
        return ops.reshape(ops.pad(logits, [[0, 0], [0, 64 - DIMS]]), (-1, *SHAPE))


@pytest.fixture(scope="module")
def linear():
    return zoo.VAE(Pick(), Put(), SHAPE, DIMS)


def images_of(z):
    """The images that `linear` encodes to latents in (-2, 2)."""
    x = np.full((len(z), 64), 0.5, np.float32)
    x[:, :DIMS] += np.asarray(z) / 4
    return x.reshape(-1, *SHAPE)


def latents_in(images):
    """Latents of images that `linear` decoded, (..., DIMS)."""
    return 4 * (images.reshape(*images.shape[:-3], 64)[..., :DIMS] - 0.5)


def drawn(count=40, seed=0):
    return np.random.default_rng(seed).uniform(-1.5, 1.5, (count, DIMS))


@pytest.fixture(scope="module")
def conditional():
    return make_dense(zoo.ConditionalVAE, num_classes=3, prior="label_normal")


@pytest.fixture(scope="module")
def ladder():
    return zoo.HierarchicalVAE(
        SHAPE, levels=((8, 2, 1),), filters=4, blocks_per_level=0, seed=0
    )


@pytest.fixture(scope="module")
def coded():
    return zoo.VQVAE(SHAPE, 4, 2, filters=(4,), blocks_per_stage=0, seed=0)


X = np.random.default_rng(5).random((12, *SHAPE), dtype="float32")

# Paths.


def test_spherical_is_a_quarter_circle_between_orthogonal_unit_vectors():
    a, b = np.eye(5)[:2]
    t = np.linspace(0, 1, 7)
    wanted = np.cos(t * np.pi / 2)[:, None] * a + np.sin(t * np.pi / 2)[:, None] * b
    np.testing.assert_allclose(paths.spherical(a, b, t), wanted, atol=1e-12)


latents = arrays(
    np.float64, (3, 6), elements=st.floats(-4, 4).map(lambda value: round(value, 3))
)


@given(latents, latents)
def test_paths_begin_and_end_where_they_should(a, b):
    for path in paths.PATHS.values():
        points = path(a, b, np.linspace(0, 1, 5))
        assert points.shape == (3, 5, 6) and np.all(np.isfinite(points))
        np.testing.assert_allclose(points[:, 0], a, atol=1e-6)
        np.testing.assert_allclose(points[:, -1], b, atol=1e-6)


@given(latents, latents)
def test_spherical_path_stays_on_the_sphere(a, b):
    norms = [np.linalg.norm(ends, axis=-1, keepdims=True) for ends in (a, b)]
    if np.min(norms) < 0.1:
        return
    a, b = a / norms[0], b / norms[1]
    kept = np.abs(np.sum(a * b, axis=-1)) <= 0.999
    points = paths.spherical(a, b, np.linspace(0, 1, 9))[kept]
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 1, atol=1e-9)


@pytest.mark.parametrize("path", paths.PATHS)
def test_interpolation_decodes_the_path(path, linear):
    a, b = drawn(3, 0) / 2, drawn(3, 1) / 2
    found = applications.interpolate(linear, images_of(a), images_of(b), 5, path)
    assert found.shape == (3, 5, *SHAPE) and found.dtype == np.float32
    wanted = paths.PATHS[path](a, b, np.linspace(0, 1, 5))
    np.testing.assert_allclose(latents_in(found), wanted, atol=1e-4)
    one = applications.interpolate(linear, *images_of([a[0], b[0]]), 5, path)
    np.testing.assert_allclose(one, found[:1], atol=1e-5)


@pytest.mark.parametrize("name", ["conditional", "ladder"])
def test_ends_are_the_reconstructions(name, request):
    model = request.getfixturevalue(name)
    labels = [0, 2] if name == "conditional" else None
    found = applications.interpolate(model, X[:2], X[2:4], 3, labels=labels)
    for end, x in ((0, X[:2]), (-1, X[2:4])):
        wanted = model.reconstruct(x, labels)
        np.testing.assert_allclose(found[:, end], wanted, atol=1e-5)


# Attributes.


def test_attribute_vector_is_the_difference_of_means_and_moves_images(linear):
    z = drawn()
    has = z[:, 1] > 0.2
    vector = applications.attribute_vector(linear, images_of(z), has)
    wanted = z[has].mean(axis=0) - z[~has].mean(axis=0)
    np.testing.assert_allclose(vector, wanted, atol=1e-5)
    assert vector.dtype == np.float32
    moved = applications.add_attribute(
        linear, images_of(z[:3] / 4), vector, strengths=(-0.5, 0, 0.5)
    )
    assert moved.shape == (3, 3, *SHAPE) and moved.dtype == np.float32
    steps = np.array([-0.5, 0, 0.5])[:, None] * wanted
    np.testing.assert_allclose(latents_in(moved), z[:3, None] / 4 + steps, atol=1e-4)


def test_balance_takes_out_what_goes_along(linear):
    rng = np.random.default_rng(0)
    smiles = rng.random(400) < 0.5
    women = rng.random(400) < np.where(smiles, 0.9, 0.1)
    z = rng.uniform(-0.1, 0.1, (400, DIMS))
    z[:, 0] += smiles
    z[:, 1] += women
    x = images_of(z)
    plain = applications.attribute_vector(linear, x, smiles)
    balanced = applications.attribute_vector(linear, x, smiles, balance=women)
    np.testing.assert_allclose(plain, [1, 0.8, 0, 0], atol=0.1)
    np.testing.assert_allclose(balanced, [1, 0, 0, 0], atol=0.05)
    # A value with one kind alone says nothing of the difference.
    kept = ~women | smiles
    alone = applications.attribute_vector(
        linear, x[kept], smiles[kept], balance=women[kept]
    )
    here = z[kept & ~women], smiles[kept & ~women]
    wanted = here[0][here[1]].mean(axis=0) - here[0][~here[1]].mean(axis=0)
    np.testing.assert_allclose(alone, wanted, atol=1e-4)


# Neighbours.


def test_nearest_is_brute_force(linear):
    z, queries = drawn(60), drawn(7, 1)
    indices, distances = applications.nearest(
        linear, images_of(z), images_of(queries), num_neighbours=4
    )
    assert indices.shape == distances.shape == (7, 4) and indices.dtype == np.int64
    unit = np.sqrt(z.var(axis=0) + np.exp(-4))
    every = np.linalg.norm((queries[:, None] - z) / unit, axis=-1)
    np.testing.assert_array_equal(indices, np.argsort(every, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :4], rtol=1e-4)


def test_latents_of_no_use_do_not_count():
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((500, 3)) * [2.0, 0.1, 1.0]
    log_var = np.log([[0.25, 1.0, 1.0]]).repeat(500, axis=0)
    measure = vectors.Measure.of(mean, log_var)
    assert measure.used.tolist() == [True, False, True]
    deviations = measure(mean).std(axis=0)
    np.testing.assert_allclose(deviations, [(4 / 4.25) ** 0.5, 0.5**0.5], atol=0.05)
    ladder = vectors.Measure.of(mean, log_var, ladder=True)
    np.testing.assert_allclose(ladder(mean).std(axis=0), [4, 1], atol=0.3)
    # Of a model that has collapsed all count, as there is nothing else.
    assert np.all(vectors.Measure.of(0 * mean, log_var).used)


# Clusters.


@pytest.mark.parametrize("method", vectors.METHODS)
def test_clusters_of_clouds_that_lie_apart(method, linear):
    rng = np.random.default_rng(0)
    middles = np.array([[1, 1, 0, 0], [-1, 1, 0, 0], [0, -1, 1, 0]])
    truth = np.repeat([2, 0, 1], [60, 40, 20])
    z = middles[[0, 1, 2]].repeat([60, 40, 20], axis=0)
    z = z + rng.uniform(-0.2, 0.2, z.shape)
    x = images_of(z)
    found = applications.cluster(linear, x, 3, method, seed=1)
    np.testing.assert_array_equal(found.labels, np.repeat([0, 1, 2], [60, 40, 20]))
    assert found.labels.dtype == np.int64
    np.testing.assert_allclose(found.centres, middles, atol=0.1)
    np.testing.assert_allclose(latents_in(found.images), found.centres, atol=1e-4)
    assert applications.cluster_scores(found.labels, truth) == (1, 1, 1)
    again = applications.cluster(linear, x, 3, method, seed=1)
    np.testing.assert_array_equal(again.labels, found.labels)


def test_centres_are_decoded_with_the_commonest_class(conditional):
    labels = np.arange(12) % 3
    found = applications.cluster(conditional, X, 2, labels=labels)
    common = [np.bincount(labels[found.labels == c]).argmax() for c in range(2)]
    wanted = array(conditional.decode(found.centres, common))
    np.testing.assert_allclose(found.images, wanted, atol=1e-5)
    attributes = np.float32([[0, 1], [2, 3], [9, 9]])
    mean = vectors.labels_of(attributes, np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(mean, [[1, 2], [9, 9]])


def test_cluster_scores_by_hand():
    # Best: cluster 0 is class 1 (2 right), 1 is class 0 (3 right), 2 is left over.
    assigned = [0, 0, 1, 1, 1, 1, 2]
    truth = ["b", "b", "a", "a", "a", "b", "a"]
    found = applications.cluster_scores(assigned, truth)
    assert found.accuracy == pytest.approx(5 / 7)
    wanted = metrics.normalized_mutual_info_score(truth, assigned)
    assert found.nmi == pytest.approx(wanted)
    assert found.ari == pytest.approx(metrics.adjusted_rand_score(truth, assigned))
    # One cluster for all: matched to the larger class, and no information.
    assert applications.cluster_scores([7] * 7, truth) == (4 / 7, 0, 0)


# Projections.


def test_pca_finds_the_axes_of_a_stretched_cloud():
    points = np.random.default_rng(0).standard_normal((500, 3)) * [1, 5, 2] + 7
    found, shares = projections.principal_components(points, 2)
    assert abs(np.corrcoef(found[:, 0], points[:, 1])[0, 1]) > 0.99
    np.testing.assert_allclose(shares, [25 / 30, 4 / 30], atol=0.05)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_projection_is_of_the_means(method, linear):
    z = drawn(20)
    found = applications.project(linear, images_of(z), method, seed=3)
    wanted, _ = projections.METHODS[method](z.astype(np.float32), 3)
    assert found.shape == (20, 2)
    if method == "pca":
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    again = applications.project(linear, images_of(z), method, seed=3)
    np.testing.assert_array_equal(again, found)


# Styles.


@pytest.mark.parametrize("prior", ["standard_normal", "label_normal", "label_flow"])
def test_style_is_the_noise(prior):
    model = make_dense(zoo.ConditionalVAE, num_classes=3, prior=prior)
    random_weights(model, seed=1)
    labels = np.array([2, 0])
    found = applications.transfer_style(model, X[:2], labels)
    assert found.shape == (2, 3, *SHAPE) and found.dtype == np.float32
    own = found[[0, 1], labels]
    np.testing.assert_allclose(own, model.reconstruct(X[:2], labels), atol=1e-3)
    z = array(model.encode(X[:2], labels).mean)
    if prior == "label_normal":
        p, q = (model.make_prior(np.int32(y)) for y in (labels, [1, 1]))
        noise = (z - array(p.mean)) / np.exp(0.5 * array(p.log_var))
        z = array(q.mean) + np.exp(0.5 * array(q.log_var)) * noise
    if prior != "label_flow":
        np.testing.assert_allclose(found[:, 1], array(model.decode(z, 1)), atol=1e-4)
    some = applications.transfer_style(model, X[:2], labels, [1])
    np.testing.assert_allclose(some, found[:, 1:2], atol=1e-3)


# What they refuse.

CALLS = {
    "interpolate": lambda model, x: applications.interpolate(model, x[0], x[1]),
    "attribute_vector": lambda model, x: applications.attribute_vector(
        model, x, np.arange(len(x)) % 2
    ),
    "add_attribute": lambda model, x: applications.add_attribute(model, x, [0.0] * 4),
    "nearest": lambda model, x: applications.nearest(model, x, x),
    "cluster": lambda model, x: applications.cluster(model, x, 2),
    "project": lambda model, x: applications.project(model, x),
    "transfer_style": lambda model, x: applications.transfer_style(model, x, 0),
}


@pytest.mark.parametrize("tool", CALLS)
def test_models_and_images_that_do_not_fit_are_told(tool, linear, coded, conditional):
    with pytest.raises(ValueError, match=f"`{tool}` needs .* this VQVAE are codes"):
        CALLS[tool](coded, X)
    with pytest.raises(TypeError, match="`model` must be a model of the zoo.*got dict"):
        CALLS[tool]({}, X)
    if tool == "transfer_style":
        with pytest.raises(ValueError, match="needs a model of labels; VAE has none"):
            CALLS[tool](linear, X)
        return
    with pytest.raises(ValueError, match="must be images of"):
        CALLS[tool](linear, X[:, :7])
    with pytest.raises(ValueError, match="ConditionalVAE needs labels"):
        CALLS[tool](conditional, X)


def refused(tool, *arguments, **options):
    with pytest.raises(ValueError) as caught:
        getattr(applications, tool)(*arguments, **options)
    message = str(caught.value)
    assert message.endswith(".") and len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("tool", "arguments", "options", "words"),
    [
        ("interpolate", (X, X), {"num_steps": 1}, "`num_steps` must be .* >= 2; got 1"),
        ("interpolate", (X, X), {"path": "great"}, "`path` must be one of 'linear'"),
        ("interpolate", (X, X[:2]), {}, "`second` must be as many .* 12; got 2"),
        ("attribute_vector", (X, [True] * 12), {}, "got 12 True and 0 False"),
        ("attribute_vector", (X, None), {}, "for each of 12 images; got none"),
        ("attribute_vector", (X, [1, 0]), {}, r"12 images; got shape \(2,\)"),
        ("attribute_vector", (X, range(12)), {}, r"1 or 0; got \[0, 1, 2\]"),
        (
            "attribute_vector",
            (X, [1, 0] * 6),
            {"balance": [1, 0] * 6},
            "of one value of `balance`",
        ),
        ("add_attribute", (X, [1.0, 2.0]), {}, r"`vector` must be .* \(4,\)"),
        ("add_attribute", (X, [0] * 4), {"strengths": ()}, r"`strengths` .* \(S,\)"),
        ("nearest", (X, X), {"num_neighbours": 13}, ">= 1 and <= 12; got 13"),
        ("cluster", (X, 13), {}, "`num_clusters` must be .* <= 12; got 13"),
        ("cluster", (X, 2), {"method": "dbscan"}, "`method` must be one of 'kmeans'"),
        ("cluster", (X, 2), {"seed": -1}, "`seed` must be a whole number >= 0"),
        ("project", (X,), {"method": "lda"}, "`method` must be one of 'pca', 'tsne'"),
        ("project", (X[:3],), {}, "`x` must be 4 images or more; got 3"),
    ],
)
def test_mistakes_are_told_in_one_sentence(tool, arguments, options, words, linear):
    assert re.search(words, refused(tool, linear, *arguments, **options))


def test_scores_of_nothing_are_refused():
    for assigned, truth in (([], []), ([1], [1, 2]), ([[1]], [[1]])):
        assert "one label an image" in refused("cluster_scores", assigned, truth)


@given(st.one_of(st.integers(max_value=1), st.floats(), st.text(max_size=3)))
def test_wrong_numbers_of_steps_are_told(linear, steps):
    if isinstance(steps, float) and steps >= 2 and steps == int(min(steps, 1e6)):
        return
    assert "`num_steps`" in refused("interpolate", linear, X, X, steps)


def test_styles_of_a_ladder_with_a_prior_for_each_label_are_refused():
    model = zoo.HierarchicalVAE(
        SHAPE,
        levels=((4, 1, 1), (2, 1, 1)),
        filters=4,
        blocks_per_level=0,
        num_classes=2,
        prior=zoo.priors.LabelNormal(4, 2),
    )
    message = refused("transfer_style", model, X, 0)
    assert "this HierarchicalVAE has one for each label" in message


def test_contents_of_attributes_must_be_given():
    model = make_dense(zoo.ConditionalVAE, num_attributes=2)
    styles = np.zeros((12, 2), np.float32)
    assert "`content_labels` must be" in refused("transfer_style", model, X, styles)
    found = applications.transfer_style(model, X, styles, [[0.0, 1.0]])
    assert found.shape == (12, 1, *SHAPE)
