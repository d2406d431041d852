"""The public contract, called as a user does: a type checker must not object.

Never run; `tests/test_types.py` has it checked, with Keras as it is installed.
"""

from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import export
import zoo
from zoo.applications import (
    AnomalyDetector,
    attribute_vector,
    cluster,
    impute,
    interpolate,
)

Float32 = npt.NDArray[np.float32]

SHAPE = (28, 28, 1)
x = np.zeros((4, *SHAPE), "float32")
labels = np.zeros(4, "int32")

# Models.

vae = zoo.DenseVAE(SHAPE, 2, hidden_units=(8,), likelihood="bernoulli", beta=4.0)
zoo.DenseVAE(SHAPE, latent_dim=2, prior="flow", seed=0, dtype="mixed_bfloat16")
zoo.DenseVAE(SHAPE, 2, prior=zoo.priors.Flow(2, num_layers=2), name="vae")
zoo.DenseVAE(SHAPE, 2, objective=zoo.objectives.ELBO(free_bits=0.1))
zoo.DenseVAE(SHAPE, 2, objective=zoo.objectives.MMD(lambda_mmd=10.0, scales=(1, 2)))
zoo.ConvVAE(SHAPE, 2, filters=(16, 32), likelihood=zoo.likelihoods.Gaussian(scale=0.1))
zoo.BetaVAE(SHAPE, 2, beta=zoo.schedules.LinearWarmup(steps=100))
zoo.FactorVAE(SHAPE, latent_dim=2, gamma=35.0)
zoo.AdversarialAutoencoder(SHAPE, latent_dim=2, prior="mixture", hidden_units=8)
conditional = zoo.ConditionalVAE(
    SHAPE, 2, num_classes=10, class_names=list("0123456789")
)
zoo.HierarchicalVAE(SHAPE, levels=((4, 2, 4), (2, 2, 4)), filters=8, seed=0)
coded = zoo.VQVAE(SHAPE, codebook_size=64, code_dim=8, quantizer="ema", filters=(8, 16))

assert_type(vae.sample(3), Float32)
assert_type(vae.sample(num_samples=3, temperature=0.5, seed=0), Float32)
assert_type(conditional.sample(3, labels=7, seed=0), Float32)
assert_type(conditional.sample(4, labels=labels), Float32)
assert_type(coded.sample(3), Float32)
for batch in vae.iter_sample(3, seed=0, first=2):
    assert_type(batch, Float32)
assert_type(vae.reconstruct(x), Float32)
assert_type(vae.elbo(x, seed=0), dict[str, Float32])
assert_type(
    vae.log_marginal_likelihood(x, num_importance_samples=5, batch_size=2, seed=0),
    npt.NDArray[np.float64],
)
assert_type(vae.latents, tuple[zoo.latents.LatentSpec, ...])
assert_type(vae.noise, zoo.latents.NoiseSpec)
assert_type(vae.noise.normals, int)
assert_type(vae.latents[0].shape, tuple[int, ...])
assert_type(coded.can_sample, bool)
images: Any = vae.generate(noise=np.zeros((3, 2)), temperature=1.0)
posterior = vae.encode(x)
print(posterior.mean, posterior.log_var, posterior.sample(0), posterior.kl())
print(coded.encode(x).codes, conditional.encode(x, labels=labels).kl())
print(vae.decode(np.zeros((3, 2))), conditional.decode(np.zeros((3, 2)), labels=1))
print(vae.image_shape, vae.latent_dim, conditional.num_classes, coded.codebook_size)

# Training.

vae.compile(optimizer="adam")
vae.compile("adam", jit_compile=False, steps_per_execution=4)
history = vae.fit(x, validation_data=x, epochs=2, batch_size=2, callbacks=[], verbose=0)
print(history.history["elbo"])
conditional.fit(x, labels, validation_split=0.1, verbose="auto")
print(vae.evaluate(x, verbose=0, return_dict=True))
vae.save("m.keras")
vae.summary()
coded.fit_prior(x, epochs=1)

# Presets.

vae.save_to_preset("folder", metadata={"dataset": "mine"})
loaded = zoo.from_preset("folder", load_weights=True, dtype=None)
assert_type(loaded, zoo.Autoencoder)
assert_type(loaded.sample(3), Float32)
assert_type(zoo.DenseVAE.from_preset("folder"), zoo.DenseVAE)
assert_type(zoo.list_presets(), list[str])
assert_type(zoo.preset_info("dense_vae_digits"), dict[str, Any])

# Exported files.

report = export.export_decoder(vae, "d.onnx", opset=17, quantize=None, verify=True)
assert_type(report, export.ExportReport)
print(report.path, report.max_abs_error, report.bytes, report.sha256)
folder = export.export_model(loaded, "exported", quantize="fp16", overwrite=True)
assert_type(folder, export.ModelReport)
print(folder.files["decoder.onnx"].sha256)
sampler = export.Sampler("exported", threads=2)
assert_type(sampler.sample(3), Float32)
assert_type(sampler.sample(3, labels=2, temperature=1.0, seed=None, first=3), Float32)
assert_type(sampler.decode(np.zeros((3, 2))), Float32)
assert_type(sampler.metadata, dict[str, Any])
print(sampler.encode(x), sampler.verify()["max_abs_error"], sampler.latent_dim)

# Applications.

detector = AnomalyDetector(vae, score="elbo", quantile=0.99, seed=0).fit(x)
assert_type(detector.score_samples(x), Float32)
assert_type(detector.decision_function(x), Float32)
assert_type(detector.heat_map(x), Float32)
print(detector.predict(x), detector.offset_)
detector.save_to_preset("detector")
print(AnomalyDetector.from_preset("detector").score_samples(x))
assert_type(export.export_scorer(detector, "scorer.onnx"), export.ExportReport)
scorer = export.Scorer("scorer.onnx", threads=1)
assert_type(scorer.score_samples(x), Float32)
assert_type(scorer.heat_map(x), Float32)
print(scorer.predict(x), scorer.offset)
assert_type(export.export_classifier(loaded, "c.onnx"), export.ExportReport)
classifier = export.Classifier("exported", threads=1)
assert_type(classifier.predict_proba(x), Float32)
assert_type(classifier.class_names, list[str] | None)
print(classifier.predict(x), classifier.num_classes, classifier.verify())

mask = np.arange(28)[:, None] < np.full(28, 14)
assert_type(impute(vae, x, mask, num_draws=20, seed=0), Float32)
assert_type(interpolate(vae, x[0], x[1], num_steps=8), Float32)
assert_type(attribute_vector(vae, x, [True, False, True, False]), Float32)
assert_type(cluster(vae, x, 2).images, Float32)

# Random numbers.

assert_type(zoo.threefry.normals(0, 3, 2), Float32)
assert_type(zoo.threefry.uniforms(0, 3, 2, first=1), Float32)
