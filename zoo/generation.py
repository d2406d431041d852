"""Sampling, told once for every model: random numbers of a seed, made into images."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import math
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from zoo import precision, threefry, validation
from zoo.latents import LatentSpec, NoiseSpec
from zoo.replicas import own_rows

Images = npt.NDArray[np.float32]


class Generation:
    """Mixed into `Autoencoder`: `generate`, a pure function of noise, and `sample`."""

    # Hooks: what a variant overrides.

    @property
    def latents(self) -> tuple[LatentSpec, ...]:
        """The groups of latents, those that others depend on first."""
        raise NotImplementedError

    @property
    def latent_row(self) -> LatentSpec | None:
        """What `draw_latents` gives of all groups: one vector, "z".

        None where they stay as they are, unless a class says otherwise.
        """
        return None

    @property
    def noise(self) -> NoiseSpec:
        """How many random numbers one sample is made of."""
        return NoiseSpec(normals=sum(spec.size for spec in self.latents))

    @property
    def can_sample(self) -> bool:
        """Whether there is a prior that `sample` can draw from."""
        return True

    @property
    def remark_on_prior(self) -> str | None:
        """What is wrong with the prior, in a sentence to warn with, or None."""
        return None

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        """Latents from the prior, as a function of random numbers.

        Args:
            noise: standard normal (N, self.noise.normals), or None if there are none.
            uniforms: in [0, 1), (N, self.noise.uniforms), or None if there are none.
            temperature: number or (N,): scales the noise, or divides the logits of
                codes.
            labels: as `check_labels` returned them.

        Returns:
            z (N, *shape) of the one group or of `latent_row`, or {name: z}.
        """
        raise NotImplementedError

    def expected_images(self, z, labels=None):
        """E[x|z] in [0, 1], (N, H, W, C), of latents as `draw_latents` gives them."""
        return self.likelihood.mean(self.decode_parameters(z, labels))

    def draw(self, noise=None, uniforms=None, temperature=1.0, labels=None, **options):
        """What `generate` returns, of tensors: decoded latents from the prior.

        Args:
            noise, uniforms, temperature, labels: as for `draw_latents`.
            options: further arguments for it.
        """
        z = self.draw_latents(noise, uniforms, temperature, labels, **options)
        return self.expected_images(z, labels)

    # What helps to override them.

    def as_reals(self, numbers):
        """Random numbers as a model of float64 computes: float64; else as they are."""
        if numbers is None or precision.of_policy(self.dtype_policy) != "float64":
            return numbers
        return ops.cast(numbers, "float64")

    def split_noise(self, noise, temperature=1.0):
        """The noise of each group: {name: (..., *shape)}.

        Args:
            noise: (..., number of latents of all groups), theirs one after another.
            temperature: number, or (N,) for noise (N, ...), which scales it.
        """
        noise, parts, start = scaled(noise, temperature), {}, 0
        for name, shape, _ in self.latents:
            end = start + math.prod(shape)
            part = noise[..., start:end]
            parts[name] = ops.reshape(part, (*ops.shape(part)[:-1], *shape))
            start = end
        return parts

    def group_noise(self, x, num_draws, noise=None):
        """The noise of each group for posterior draws: {name: (K, N, *shape)}.

        Args:
            x, num_draws, noise: what `elbo_terms` was given; without noise it is drawn.
        """
        if noise is None:
            noise = self.draw_noise(ops.shape(x)[0], num_draws)
        return self.split_noise(noise)

    def draw_noise(self, count, num_draws):
        """Standard normal numbers for posterior draws of images, (K, N, latents)."""
        size = sum(spec.size for spec in self.latents)

        def of_all(rows):
            shape = (num_draws, rows, size)
            return keras.random.normal(shape, seed=self.seed_generator)

        return own_rows(count, of_all, axis=1)

    def as_tensors(self, arrays):
        """What `inference` gives, as tensors of the same dtypes."""
        with precision.scope(self.dtype_policy):
            return keras.tree.map_structure(ops.convert_to_tensor, arrays)

    # The model, as its users call it.

    def generate(self, noise=None, uniforms=None, temperature=1.0, labels=None) -> Any:
        """Images from random numbers: a pure function of tensors.

        `sample` gives it the numbers of a seed; generator.onnx is this function.

        Args:
            noise: standard normal float32 (N, self.noise.normals); left out if there
                are none.
            uniforms: float32 in [0, 1), (N, self.noise.uniforms); left out if there
                are none.
            temperature: number or (N,), >= 0: scales the noise, or divides the logits
                of codes.
            labels: (N,), for models that take them.

        Returns:
            tensor (N, H, W, C) in [0, 1].
        """
        dtype = precision.of_policy(self.dtype_policy)
        with precision.scope(dtype):
            noise, uniforms = (
                None if numbers is None else ops.convert_to_tensor(numbers, dtype)
                for numbers in (noise, uniforms)
            )
            return self.draw(noise, uniforms, temperature, labels)

    def sample(
        self,
        num_samples: int,
        labels: Any = None,
        temperature: float = 1.0,
        seed: int | None = None,
    ) -> Images:
        """Draws latents from the prior and decodes them to E[x|z].

        Args:
            num_samples: how many images, >= 0.
            labels: (num_samples,) or one for all, for models that take them: numbers
                or, where classes have names (`class_names`), names.
            temperature: scale of the noise that latents are made of, and so of a
                Gaussian prior's standard deviation; where latents are codes, it divides
                their logits. >= 0.
            seed: integer from 0 to 2**63 - 1 that fixes the draw: the same images on
                every backend, from the exported files' `export.Sampler` and from
                sampler.onnx. Where latents are codes, another program may choose
                another code where a random number lies within rounding of the edge
                between two; the rest of that image follows it. None draws anew.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1]. The first n images do not
            change when more are asked for.

        Raises:
            ValueError: for arguments out of range, and for a model whose prior has
                learned nothing yet.
        """
        images = self.iter_sample(num_samples, labels, temperature, seed)
        return np.concatenate(list(images))

    def iter_sample(
        self,
        num_samples: int,
        labels: Any = None,
        temperature: float = 1.0,
        seed: int | None = None,
        first: int = 0,
    ) -> Iterator[Images]:
        """The images of `sample`, batch by batch.

        Args:
            num_samples, labels, temperature, seed: as for `sample`.
            first: number of the first image among those of the seed: what several
                programs draw with `first` 0, n, 2 n, ... is what one draws.

        Returns:
            iterator of float32 arrays (n, H, W, C).

        Raises:
            ValueError: as `sample`.
        """
        return self._iter_generate(num_samples, labels, temperature, seed, first)

    def _iter_generate(
        self, num_samples, labels, temperature, seed, first=0, **options
    ):
        """`iter_sample`, with further arguments for `draw_latents`."""
        num_samples = validation.check_whole_number(num_samples, "num_samples", 0, None)
        first = validation.check_whole_number(first, "first", 0, None)
        labels = self.check_labels(labels, num_samples)
        temperature = self.check_temperature(temperature)
        if seed is None:
            seed = threefry.fresh_seed()
        seed = validation.check_whole_number(seed, "seed", 0, threefry.MAX_SEED)
        self.check_can_sample()
        if remark := self.remark_on_prior:
            warnings.warn(remark, stacklevel=4)
        drawn = {
            "noise": _Rows(
                threefry.normals, seed, num_samples, self.noise.normals, first
            ),
            "uniforms": _Rows(
                threefry.uniforms, seed, num_samples, self.noise.uniforms, first
            ),
        }
        given: dict[str, Any] = {n: rows for n, rows in drawn.items() if rows.columns}
        temperature = np.asarray(temperature, "float32")
        shape = (num_samples, *temperature.shape)
        given["temperature"] = np.broadcast_to(temperature, shape)
        if labels is not None:
            given["labels"] = labels
        names = tuple(given)

        def generate(*arrays):
            inputs = dict(zip(names, arrays, strict=True))
            return self.draw(**inputs, **options)

        # One form for each rank of the temperatures: a graph cannot have both.
        name = f"generate from {names} {options} {len(shape)}"
        return self.inference.iter_batched(name, generate, *given.values())

    def check_temperature(self, temperature):
        """`temperature` as `sample` takes it: one number for all images.

        Raises:
            ValueError, TypeError: if it is no finite number >= 0.
        """
        return validation.check_temperature(temperature)

    def check_can_sample(self):
        """Refuses to sample a model that cannot.

        Raises:
            ValueError: if `can_sample` is False.
        """
        if not self.can_sample:
            raise ValueError(f"This {type(self).__name__} cannot sample.")


def scaled(noise, temperature):
    """Noise (N, D) times a temperature that is one number or (N,)."""
    temperature = ops.cast(temperature, precision.float_dtype(noise))
    if len(temperature.shape):
        temperature = ops.expand_dims(temperature, -1)
    return noise * temperature


class _Rows:
    """The random numbers of a seed, drawn a batch at a time."""

    def __init__(self, draw, seed, count, columns, first):
        self.draw, self.seed, self.first = draw, seed, first
        self.count, self.columns = count, columns

    def __len__(self):
        return self.count

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(self.count)
        return self.draw(
            self.seed, max(0, stop - start), self.columns, self.first + start
        )
