"""pythae's VAE of equal size, 784-400-20, trained by its own trainer.

Runs in an environment of its own: see `pythae_environment`.
"""

import logging
import tempfile
import time
from importlib.metadata import version

import common
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn


class Encoder(BaseEncoder):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(784, common.HIDDEN_UNITS), nn.ReLU()
        )
        self.mean = nn.Linear(common.HIDDEN_UNITS, common.LATENT_DIM)
        self.log_var = nn.Linear(common.HIDDEN_UNITS, common.LATENT_DIM)

    def forward(self, x):
        hidden = self.hidden(x)
        return ModelOutput(
            embedding=self.mean(hidden), log_covariance=self.log_var(hidden)
        )


class Decoder(BaseDecoder):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(common.LATENT_DIM, common.HIDDEN_UNITS),
            nn.ReLU(),
            nn.Linear(common.HIDDEN_UNITS, 784),
            nn.Sigmoid(),
            nn.Unflatten(1, (1, 28, 28)),
        )

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z))


class EpochEnds(TrainingCallback):
    """When epochs end, and the loss of the last one."""

    def on_train_begin(self, training_config, **kwargs):
        self.ends = [time.perf_counter()]

    def on_epoch_end(self, training_config, **kwargs):
        self.ends.append(time.perf_counter())

    def on_log(self, training_config, logs, **kwargs):
        self.loss = float(logs["train_epoch_loss"])


def main():
    options = common.parse_options(__doc__)
    logging.disable()
    images = torch.from_numpy(common.load_images(options)).reshape(-1, 1, 28, 28)
    config = VAEConfig(
        input_dim=(1, 28, 28),
        latent_dim=common.LATENT_DIM,
        reconstruction_loss="bce",
    )
    model = VAE(config, Encoder(), Decoder())
    clock = EpochEnds()
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            model,
            train_dataset=BaseDataset(images, torch.zeros(len(images))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1 + options.epochs,
                per_device_train_batch_size=common.BATCH_SIZE,
                learning_rate=common.LEARNING_RATE,
                no_cuda=True,
            ),
            callbacks=[clock],
        )
        trainer.train()
    parameters = sum(weight.numel() for weight in model.parameters())
    versions = {name: version(name) for name in ("pythae", "torch")}
    common.report(clock.ends, len(images), clock.loss, parameters, versions=versions)


if __name__ == "__main__":
    main()
