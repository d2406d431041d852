"""Two hand-written JAX loops: a compiled call for each step, or for a whole epoch.

The VAE of PyTorch's examples, 784-400-20, with Adam written out. Images stay on the
device; weights and moments are donated. `--loop epoch` scans all full batches of an
epoch inside one compiled call, the fastest form there is: no Python between steps, and
nothing that could interrupt an epoch, log it or show its progress.
"""

import functools
import time

import common
import jax
import jax.numpy as jnp

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def initial_weights(key, hidden=common.HIDDEN_UNITS, latent=common.LATENT_DIM):
    sizes = [(784, hidden), (hidden, 2 * latent), (latent, hidden), (hidden, 784)]
    glorot = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(key, len(sizes))
    return [
        (glorot(k, size), jnp.zeros(size[1]))
        for k, size in zip(keys, sizes, strict=True)
    ]


def negative_elbo(weights, x, key):
    """-ELBO, averaged over a batch (N, 784), in nats."""
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = weights
    hidden = jax.nn.relu(x @ w1 + b1)
    mean, log_var = jnp.split(hidden @ w2 + b2, 2, axis=1)
    z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
    logits = jax.nn.relu(z @ w3 + b3) @ w4 + b4
    # log(1 + exp(l)) - x l is the cross-entropy of Bernoulli(sigmoid(l)).
    reconstruction = jnp.sum(jax.nn.softplus(logits) - x * logits, axis=1)
    kl = -0.5 * jnp.sum(1 + log_var - mean**2 - jnp.exp(log_var), axis=1)
    return jnp.mean(reconstruction + kl)


def adam_step(state, x):
    """(state, loss) after one step of Adam (Kingma & Ba 2015, algorithm 1)."""
    weights, first, second, count, key = state
    key, noise_key = jax.random.split(key)
    loss, gradients = jax.value_and_grad(negative_elbo)(weights, x, noise_key)
    count += 1
    first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first, gradients)
    second = jax.tree.map(
        lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradients
    )
    rate = common.LEARNING_RATE * jnp.sqrt(1 - BETA_2**count) / (1 - BETA_1**count)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second
    )
    return (weights, first, second, count, key), loss


@functools.partial(jax.jit, donate_argnums=0)
def one_step(state, images, indices):
    return adam_step(state, images[indices])


@functools.partial(jax.jit, donate_argnums=0)
def one_epoch(state, images, batches):
    state, losses = jax.lax.scan(lambda s, i: adam_step(s, images[i]), state, batches)
    return state, jnp.mean(losses)


def main():
    options = common.parse_options(__doc__, loop=("epoch", "step"))
    images = jnp.asarray(common.load_images(options).reshape(-1, 784))
    key = jax.random.key(0)
    weights = initial_weights(key)

    def zeros():
        return jax.tree.map(jnp.zeros_like, weights)

    state = (weights, zeros(), zeros(), jnp.zeros(()), key)
    steps = len(images) // common.BATCH_SIZE
    trained_on = steps * common.BATCH_SIZE  # the incomplete batch is left out
    order_key = jax.random.key(1)
    ends = [time.perf_counter()]
    for _ in range(1 + options.epochs):
        order_key, epoch_key = jax.random.split(order_key)
        order = jax.random.permutation(epoch_key, len(images))[:trained_on]
        batches = order.reshape(steps, common.BATCH_SIZE)
        if options.loop == "epoch":
            state, loss = one_epoch(state, images, batches)
        else:
            losses = []
            for indices in list(batches):
                state, loss = one_step(state, images, indices)
                losses.append(loss)
            loss = jnp.mean(jnp.stack(losses))
        loss = float(loss)
        ends.append(time.perf_counter())
    common.report(ends, trained_on, loss)


if __name__ == "__main__":
    main()
