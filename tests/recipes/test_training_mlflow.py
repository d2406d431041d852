"""MLflow's own autologging of Keras, on models of the zoo."""

import keras
import numpy as np
import pytest

import zoo

pytest.importorskip("mlflow.keras")
import mlflow  # noqa: E402

pytestmark = pytest.mark.one_backend(
    "callbacks are tried on every backend by test_training_tensorboard"
)

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).random((64, 8, 8, 1), dtype="float32")
LABELS = np.arange(64) % 3


@pytest.fixture(scope="module", autouse=True)
def autologging(tmp_path_factory):
    """Into a data base of these tests alone."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.keras.autolog(log_models=False, log_datasets=False)
        yield
        mlflow.keras.autolog(disable=True)
        mlflow.set_tracking_uri(before)


def fit(model, **options):
    """The history of a short training, and MLflow's record of it."""
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=BACKEND == "jax")
    with mlflow.start_run() as run:
        history = model.fit(X, epochs=2, batch_size=16, verbose=0, **options).history
    return history, mlflow.MlflowClient().get_run(run.info.run_id)


def make_dense():
    return zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), seed=0)


def test_figures_of_every_epoch_are_logged_under_their_names():
    history, run = fit(make_dense(), validation_data=X[:20])
    assert {"loss", "elbo", "val_elbo", "reconstruction", "kl"} <= set(history)
    for name, values in history.items():
        logged = mlflow.MlflowClient().get_metric_history(run.info.run_id, name)
        assert [m.value for m in logged] == pytest.approx(values, rel=1e-6), name
    assert run.data.params["batch_size"] == "16"
    # Keras numbers the optimizers of a process: adam, adam_1, ...
    assert run.data.params["optimizer_name"].startswith("adam")


@pytest.mark.parametrize(
    "make, options",
    [
        (
            lambda: zoo.ConditionalVAE((8, 8, 1), 2, 3, hidden_units=(4,), seed=0),
            {"y": LABELS},
        ),
        (
            lambda: zoo.VQVAE((8, 8, 1), 4, 2, filters=(4,), blocks_per_stage=0),
            {"callbacks": [keras.callbacks.TerminateOnNaN()]},
        ),
    ],
    ids=["labels", "codes"],
)
def test_models_of_other_kinds_are_logged_too(make, options):
    history, run = fit(make(), **options)
    for name, values in history.items():
        assert run.data.metrics[name] == pytest.approx(values[-1], rel=1e-6), name


def test_weights_are_the_same_with_and_without_it():
    model, other = make_dense(), make_dense()
    keras.utils.set_random_seed(0)
    fit(model)
    mlflow.keras.autolog(disable=True)
    keras.utils.set_random_seed(0)
    other.compile(keras.optimizers.Adam(1e-2), jit_compile=BACKEND == "jax")
    other.fit(X, epochs=2, batch_size=16, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
