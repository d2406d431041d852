"""The zoo's ladder of 28x28 images, hand-written in PyTorch."""

import common
import torch
from peers_torch_conv import linear, rectified, with_weights
from torch import nn
from torch.nn import functional

COARSE, FINE = common.LADDER_FILTERS
GROUPS = [
    (filters, channels)
    for filters, (_, count, channels) in zip(
        common.LADDER_FILTERS, common.LADDER_LEVELS, strict=True
    )
    for _ in range(count)
]


def squeezed(log_var):
    return 10 * torch.tanh(log_var / 10)


class Cell(nn.Module):
    """A bottleneck of half the channels, of the state and of an image's features."""

    def __init__(self, channels, outputs, with_image=False):
        super().__init__()
        narrow = channels // 2
        self.reduce = rectified(nn.Conv2d(channels, narrow, 1))
        self.reduce_image = None
        if with_image:
            self.reduce_image = rectified(nn.Conv2d(channels, narrow, 1))
        self.mix = rectified(nn.Conv2d(narrow, narrow, 3, padding=1))
        self.expand = with_weights(
            nn.Conv2d(narrow, outputs, 1), nn.init.normal_, std=0.01
        )

    def forward(self, x, image=None):
        x = self.reduce(functional.relu(x))
        if image is not None:
            x = x + self.reduce_image(functional.relu(image))
        x = self.mix(functional.relu(x))
        return self.expand(functional.relu(x))


class Block(Cell):
    def __init__(self, channels):
        super().__init__(channels, channels)

    def forward(self, x):
        return x + super().forward(x)


class Group(nn.Module):
    def __init__(self, filters, channels):
        super().__init__()
        self.sizes = channels, channels, filters
        self.prior = Cell(filters, sum(self.sizes))
        self.posterior = Cell(filters, 2 * channels, with_image=True)
        self.project = linear(nn.Conv2d(channels, filters, 1))
        self.block = Block(filters)

    def forward(self, state, image):
        """The state after this group, and its KL (N,)."""
        mean, log_var, update = self.prior(state).split(self.sizes, dim=1)
        log_var = squeezed(log_var)
        moved, widened = self.posterior(state, image).chunk(2, dim=1)
        moved, widened = moved * torch.exp(-0.5 * log_var), squeezed(widened)
        noise = moved + torch.exp(0.5 * widened) * torch.randn_like(moved)
        z = mean + torch.exp(0.5 * log_var) * noise
        kl = 0.5 * (widened.exp() + moved.square() - 1 - widened).flatten(1).sum(1)
        return self.block(state + update + self.project(z)), kl


class Ladder(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = linear(nn.Conv2d(4, FINE, 3, padding=1))
        self.fine = Block(FINE)
        self.down = linear(nn.Conv2d(FINE, COARSE, 2, stride=2))
        self.coarse = Block(COARSE)
        self.start = nn.Parameter(torch.zeros(COARSE, 7, 7))
        self.groups = nn.ModuleList(Group(*sizes) for sizes in GROUPS)
        self.up = linear(nn.Conv2d(COARSE, 4 * FINE, 1))
        self.last = Block(FINE)
        self.head = linear(nn.Conv2d(FINE, 4, 3, padding=1))

    def forward(self, x):
        """Logits (N, 1, 28, 28), and the KL of all groups (N,)."""
        fine = self.fine(self.stem(functional.pixel_unshuffle(x, 2)))
        coarse = self.coarse(self.down(fine))
        state, total = self.start.expand(len(x), -1, -1, -1), 0.0
        for group, (filters, _) in zip(self.groups, GROUPS, strict=True):
            if filters == FINE and state.shape[1] == COARSE:
                state = functional.pixel_shuffle(self.up(functional.relu(state)), 2)
            state, kl = group(state, fine if filters == FINE else coarse)
            total = total + kl
        logits = self.head(functional.relu(self.last(state)))
        return functional.pixel_shuffle(logits, 2), total


def negative_elbo(model, x):
    """-ELBO of a batch (N, 1, 28, 28), summed over its images, in nats."""
    logits, kl = model(x)
    reconstruction = functional.binary_cross_entropy_with_logits(
        logits, x, reduction="sum"
    )
    return reconstruction + kl.sum()
