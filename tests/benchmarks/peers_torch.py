"""A hand-written PyTorch loop: the VAE of PyTorch's examples, 784-400-20, on a CPU.

As fast as plain PyTorch makes it: all images in memory as one tensor, batches by
`index_select`, no DataLoader, the loss kept as a tensor until the end of the epoch.
"""

import time

import common
import torch
from torch import nn
from torch.nn import functional


class VAE(nn.Module):
    def __init__(self, hidden=common.HIDDEN_UNITS, latent=common.LATENT_DIM):
        super().__init__()
        self.hidden_in = nn.Linear(784, hidden)
        self.parameters_out = nn.Linear(hidden, 2 * latent)
        self.hidden_out = nn.Linear(latent, hidden)
        self.logits = nn.Linear(hidden, 784)

    def forward(self, x):
        """-ELBO of a batch (N, 784), summed over its images, in nats."""
        hidden = functional.relu(self.hidden_in(x))
        mean, log_var = self.parameters_out(hidden).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        logits = self.logits(functional.relu(self.hidden_out(z)))
        reconstruction = functional.binary_cross_entropy_with_logits(
            logits, x, reduction="sum"
        )
        kl = -0.5 * torch.sum(1 + log_var - mean.square() - log_var.exp())
        return reconstruction + kl


def main():
    options = common.parse_options(__doc__, adam=("default", "fused"))
    torch.manual_seed(0)
    images = torch.from_numpy(common.load_images(options)).reshape(-1, 784)
    model = VAE()
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=common.LEARNING_RATE,
        fused=True if options.adam == "fused" else None,
    )
    ends = [time.perf_counter()]
    for _ in range(1 + options.epochs):
        total = torch.zeros(())
        for indices in torch.randperm(len(images)).split(common.BATCH_SIZE):
            optimizer.zero_grad()
            loss = model(images.index_select(0, indices))
            (loss / len(indices)).backward()
            optimizer.step()
            total += loss.detach()
        mean_loss = total.item() / len(images)
        ends.append(time.perf_counter())
    common.report(ends, len(images), mean_loss)


if __name__ == "__main__":
    main()
