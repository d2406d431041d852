"""Reproducible initial weights: one integer seed a layer, derived from the model's."""

import keras
import numpy as np


class InitializerSeeds:
    """Hands out initializers whose seeds follow from one model seed.

    With seed None every initializer draws fresh weights.
    """

    def __init__(self, seed=None):
        self._rng = None if seed is None else np.random.default_rng(seed)

    def next_seed(self):
        """The next integer seed, or None."""
        return None if self._rng is None else int(self._rng.integers(2**31))

    def glorot_uniform(self):
        """Glorot & Bengio 2010: for layers without a rectifying activation."""
        return keras.initializers.GlorotUniform(seed=self.next_seed())

    def he_normal(self):
        """He et al. 2015: for layers followed by a rectifier or alike."""
        return keras.initializers.HeNormal(seed=self.next_seed())
