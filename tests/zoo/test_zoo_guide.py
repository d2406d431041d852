"""The examples of CONTRIBUTING.md: trained, saved, sampled; on each backend."""

import guide
import numpy as np
import pytest
from zoo_helpers import quick_compile

import zoo


@pytest.mark.parametrize("heading", guide.EXAMPLES)
def test_example_is_short(heading):
    lines = [line for line in guide.EXAMPLES[heading][0].splitlines() if line.strip()]
    assert len(lines) <= 30


@pytest.mark.parametrize("heading", guide.MODELS)
def test_example_works_everywhere(heading, images, tmp_path):
    model = guide.model_of(heading, tmp_path)
    quick_compile(model, "adam")
    before = [np.array(w) for w in model.get_weights()]
    history = model.fit(images, epochs=1, batch_size=16, verbose=0).history
    assert np.isfinite([values for values in history.values()]).all()
    changed = [
        np.abs(b - a).max() > 0
        for a, b in zip(before, model.get_weights(), strict=True)
    ]
    assert np.mean(changed) > 0.9, "weights that nothing trains"

    figures = model.elbo(images, seed=0)
    np.testing.assert_allclose(
        figures["elbo"], figures["log_likelihood"] - figures["kl"], rtol=1e-4
    )

    sampled = model.sample(5, seed=3)
    assert sampled.std(axis=0).max() > 1e-3
    (shard,) = model.iter_sample(5, seed=3, first=2)
    np.testing.assert_allclose(shard[:3], sampled[2:], atol=1e-6)

    model.save_to_preset(tmp_path / "preset")
    again = zoo.from_preset(tmp_path / "preset")
    assert type(again) is type(model)
    assert again.get_config() == model.get_config()
    np.testing.assert_allclose(again.sample(5, seed=3), sampled, atol=1e-6)
