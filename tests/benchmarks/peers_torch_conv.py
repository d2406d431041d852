"""The zoo's convolutional VAE of 28x28 images, hand-written in PyTorch."""

import common
import torch
from torch import nn
from torch.nn import functional

FINE, COARSE = common.CONV_FILTERS
LAYOUT = torch.contiguous_format


class GatedBlock(nn.Module):
    """x plus a gated bottleneck of half the channels."""

    def __init__(self, channels):
        super().__init__()
        narrow = channels // 2
        self.reduce = rectified(nn.Conv2d(channels, narrow, 1))
        self.mix = rectified(nn.Conv2d(narrow, narrow, 3, padding=1))
        self.expand = with_weights(
            nn.Conv2d(narrow, 2 * channels, 1), nn.init.normal_, std=0.01
        )

    def forward(self, x):
        update = self.reduce(functional.silu(x))
        update = self.mix(functional.silu(update))
        value, gate = self.expand(functional.silu(update)).chunk(2, dim=1)
        return x + value * torch.sigmoid(gate)


class ConvVAE(nn.Module):
    def __init__(self, hidden=common.CONV_HIDDEN_UNITS, latent=common.LATENT_DIM):
        super().__init__()
        features = 7 * 7 * COARSE
        self.encoder = nn.Sequential(
            linear(nn.Conv2d(1, FINE, 3, stride=2, padding=1)),
            GatedBlock(FINE),
            nn.SiLU(),
            linear(nn.Conv2d(FINE, COARSE, 3, stride=2, padding=1)),
            GatedBlock(COARSE),
            nn.SiLU(),
            nn.Flatten(),
            rectified(nn.Linear(features, hidden)),
            nn.SiLU(),
            linear(nn.Linear(hidden, 2 * latent)),
        )
        self.decoder = nn.Sequential(
            rectified(nn.Linear(latent, hidden)),
            nn.SiLU(),
            linear(nn.Linear(hidden, features)),
            nn.Unflatten(1, (COARSE, 7, 7)),
            GatedBlock(COARSE),
            nn.SiLU(),
            linear(nn.Conv2d(COARSE, 4 * FINE, 1)),
            nn.PixelShuffle(2),
            GatedBlock(FINE),
            nn.SiLU(),
            linear(nn.Conv2d(FINE, 4, 3, padding=1)),
            nn.PixelShuffle(2),
        )
        self.to(memory_format=LAYOUT)

    def encode(self, x):
        return self.encoder(x)

    def decode(self, z):
        return self.decoder(z)


def with_weights(layer, initialize, **options):
    """The layer, its weights drawn by `initialize` and its biases zero."""
    initialize(layer.weight, **options)
    nn.init.zeros_(layer.bias)
    return layer


def rectified(layer):
    return with_weights(layer, nn.init.kaiming_normal_, nonlinearity="relu")


def linear(layer):
    return with_weights(layer, nn.init.xavier_uniform_)
