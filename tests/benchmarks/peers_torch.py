"""Hand-written PyTorch loops on a CPU, of all models of the comparison.

As fast as plain PyTorch makes them: all images in memory as one tensor, batches by
`index_select`, no DataLoader, the loss kept as a tensor until the end of the epoch.
"""

import time

import common
import peers_torch_ladder as ladder
import torch
from peers_torch_conv import ConvVAE
from torch import nn
from torch.nn import functional


class DenseVAE(nn.Module):
    """The VAE of PyTorch's examples, 784-400-20."""

    def __init__(self, hidden=common.HIDDEN_UNITS, latent=common.LATENT_DIM):
        super().__init__()
        self.hidden_in = nn.Linear(784, hidden)
        self.parameters_out = nn.Linear(hidden, 2 * latent)
        self.hidden_out = nn.Linear(latent, hidden)
        self.logits = nn.Linear(hidden, 784)

    def encode(self, x):
        return self.parameters_out(functional.relu(self.hidden_in(x.flatten(1))))

    def decode(self, z):
        return self.logits(functional.relu(self.hidden_out(z)))


def negative_elbo(model, x):
    """-ELBO of a batch (N, 1, 28, 28), summed over its images, in nats."""
    mean, log_var = model.encode(x).chunk(2, dim=1)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    reconstruction = functional.binary_cross_entropy_with_logits(
        model.decode(z).flatten(1), x.flatten(1), reduction="sum"
    )
    kl = -0.5 * torch.sum(1 + log_var - mean.square() - log_var.exp())
    return reconstruction + kl


MODELS = {
    "dense": (DenseVAE, negative_elbo),
    "conv": (ConvVAE, negative_elbo),
    "ladder": (ladder.Ladder, ladder.negative_elbo),
}


def main():
    options = common.parse_options(__doc__, model=tuple(MODELS))
    torch.manual_seed(0)
    # One channel: (N, 28, 28, 1) and (N, 1, 28, 28) are the same numbers.
    images = torch.from_numpy(common.load_images(options)).reshape(-1, 1, 28, 28)
    make_model, loss_of = MODELS[options.model]
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=common.LEARNING_RATE)
    ends = [time.perf_counter()]
    for _ in range(1 + options.epochs):
        total = torch.zeros(())
        for indices in torch.randperm(len(images)).split(common.BATCH_SIZE):
            optimizer.zero_grad()
            loss = loss_of(model, images.index_select(0, indices))
            (loss / len(indices)).backward()
            optimizer.step()
            total += loss.detach()
        mean_loss = total.item() / len(images)
        ends.append(time.perf_counter())
    parameters = sum(weight.numel() for weight in model.parameters())
    versions = {"torch": torch.__version__}
    common.report(ends, len(images), mean_loss, parameters, versions=versions)


if __name__ == "__main__":
    main()
