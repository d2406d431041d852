"""A zoo of variational autoencoders in Keras 3: TensorFlow, JAX and PyTorch.

A model is *networks + posterior + prior + likelihood + objective*; see `zoo.vae.VAE`.

What stands below is imported when it is first asked for, and Keras with it: `presets`
(all but loading and saving), the hub and `threefry` never need it.
"""

from typing import TYPE_CHECKING

from zoo import lazy

if TYPE_CHECKING:
    from zoo import (
        applications,
        corruptions,
        distributions,
        evaluation,
        event,
        latents,
        likelihoods,
        models,
        networks,
        objectives,
        presets,
        priors,
        quantizers,
        schedules,
        threefry,
        training,
        vocabulary,
    )
    from zoo.autoencoder import Autoencoder
    from zoo.models.adversarial_autoencoder import AdversarialAutoencoder
    from zoo.models.beta_vae import BetaVAE
    from zoo.models.conditional_vae import ConditionalVAE
    from zoo.models.conv_vae import ConvVAE
    from zoo.models.dense_vae import DenseVAE
    from zoo.models.factor_vae import FactorVAE
    from zoo.models.hierarchical_vae import HierarchicalVAE
    from zoo.models.semi_supervised_vae import SemiSupervisedVAE
    from zoo.models.stacked_semi_supervised_vae import StackedSemiSupervisedVAE
    from zoo.models.text_vae import TextVAE
    from zoo.models.vq_vae import VQVAE
    from zoo.networks.adversary import Adversary
    from zoo.presets.folder import list_presets, preset_info
    from zoo.presets.hub.download import download_preset
    from zoo.presets.hub.upload import upload_preset
    from zoo.presets.loading import from_preset
    from zoo.priors.code_prior import CodePrior
    from zoo.vae import VAE

__version__ = "0.1.0"

__all__ = [
    "VAE",
    "VQVAE",
    "AdversarialAutoencoder",
    "Adversary",
    "Autoencoder",
    "BetaVAE",
    "CodePrior",
    "ConditionalVAE",
    "ConvVAE",
    "DenseVAE",
    "FactorVAE",
    "HierarchicalVAE",
    "SemiSupervisedVAE",
    "StackedSemiSupervisedVAE",
    "TextVAE",
    "applications",
    "corruptions",
    "distributions",
    "download_preset",
    "evaluation",
    "event",
    "from_preset",
    "latents",
    "likelihoods",
    "list_presets",
    "models",
    "networks",
    "objectives",
    "preset_info",
    "presets",
    "priors",
    "quantizers",
    "schedules",
    "threefry",
    "training",
    "upload_preset",
    "vocabulary",
]

# The same once more, for when the program runs.
_DEFINED_IN = {
    "AdversarialAutoencoder": "zoo.models.adversarial_autoencoder",
    "Adversary": "zoo.networks.adversary",
    "Autoencoder": "zoo.autoencoder",
    "BetaVAE": "zoo.models.beta_vae",
    "CodePrior": "zoo.priors.code_prior",
    "ConditionalVAE": "zoo.models.conditional_vae",
    "ConvVAE": "zoo.models.conv_vae",
    "DenseVAE": "zoo.models.dense_vae",
    "FactorVAE": "zoo.models.factor_vae",
    "HierarchicalVAE": "zoo.models.hierarchical_vae",
    "SemiSupervisedVAE": "zoo.models.semi_supervised_vae",
    "StackedSemiSupervisedVAE": "zoo.models.stacked_semi_supervised_vae",
    "TextVAE": "zoo.models.text_vae",
    "VAE": "zoo.vae",
    "VQVAE": "zoo.models.vq_vae",
    "download_preset": "zoo.presets.hub.download",
    "from_preset": "zoo.presets.loading",
    "list_presets": "zoo.presets.folder",
    "preset_info": "zoo.presets.folder",
    "upload_preset": "zoo.presets.hub.upload",
}

__getattr__, __dir__ = lazy.attributes(
    __name__,
    modules=[name for name in __all__ if name not in _DEFINED_IN],
    defined_in=_DEFINED_IN,
    without_keras=[
        "download_preset",
        "evaluation",
        "latents",
        "list_presets",
        "preset_info",
        "presets",
        "threefry",
        "upload_preset",
        "vocabulary",
    ],
)
