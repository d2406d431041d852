"""Two hand-written JAX loops: a compiled call for each step, or for a whole epoch.

Of all models of the comparison, with Adam written out. Images stay on the device;
weights and moments are donated. `--loop epoch` scans all full batches of an epoch
inside one compiled call, the fastest form there is for a dense model: no Python between
steps, and nothing that could interrupt an epoch, log it or show its progress.
"""

import functools
import time

import common
import jax
import jax.numpy as jnp
import peers_jax_conv as conv
import peers_jax_ladder as ladder

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def dense_weights(key, hidden=common.HIDDEN_UNITS, latent=common.LATENT_DIM):
    """Those of the VAE of PyTorch's examples, 784-400-20."""
    sizes = [(784, hidden), (hidden, 2 * latent), (latent, hidden), (hidden, 784)]
    glorot = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(key, len(sizes))
    layers = [
        (glorot(k, size), jnp.zeros(size[1]))
        for k, size in zip(keys, sizes, strict=True)
    ]
    return {"encoder": layers[:2], "decoder": layers[2:]}


def two_layers(layers, x):
    (w1, b1), (w2, b2) = layers
    return jax.nn.relu(x.reshape(len(x), -1) @ w1 + b1) @ w2 + b2


def negative_elbo(weights, x, key, encode, decode):
    """-ELBO, averaged over a batch (N, 28, 28, 1), in nats."""
    mean, log_var = jnp.split(encode(weights["encoder"], x), 2, axis=1)
    z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
    logits = decode(weights["decoder"], z).reshape(len(x), -1)
    # log(1 + exp(l)) - x l is the cross-entropy of Bernoulli(sigmoid(l)).
    reconstruction = jax.nn.softplus(logits) - x.reshape(len(x), -1) * logits
    kl = -0.5 * jnp.sum(1 + log_var - mean**2 - jnp.exp(log_var), axis=1)
    return jnp.mean(jnp.sum(reconstruction, axis=1) + kl)


MODELS = {
    "dense": (
        dense_weights,
        functools.partial(negative_elbo, encode=two_layers, decode=two_layers),
    ),
    "conv": (
        conv.initial_weights,
        functools.partial(negative_elbo, encode=conv.encode, decode=conv.decode),
    ),
    "ladder": (ladder.initial_weights, ladder.negative_elbo),
}


def adam_step(state, x, loss_of):
    """(state, loss) after one step of Adam (Kingma & Ba 2015, algorithm 1)."""
    weights, first, second, count, key = state
    key, noise_key = jax.random.split(key)
    loss, gradients = jax.value_and_grad(loss_of)(weights, x, noise_key)
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


def compiled_loops(loss_of):
    """{loop: function (state, images, batches) -> (state, mean loss)}."""

    @functools.partial(jax.jit, donate_argnums=0)
    def one_step(state, images, indices):
        return adam_step(state, images[indices], loss_of)

    @functools.partial(jax.jit, donate_argnums=0)
    def one_epoch(state, images, batches):
        def body(state, indices):
            return adam_step(state, images[indices], loss_of)

        state, losses = jax.lax.scan(body, state, batches)
        return state, jnp.mean(losses)

    def step_by_step(state, images, batches):
        losses = []
        for indices in list(batches):
            state, loss = one_step(state, images, indices)
            losses.append(loss)
        return state, jnp.mean(jnp.stack(losses))

    return {"epoch": one_epoch, "step": step_by_step}


def main():
    options = common.parse_options(__doc__, model=tuple(MODELS), loop=("epoch", "step"))
    images = jnp.asarray(common.load_images(options))
    initial_weights, loss_of = MODELS[options.model]
    train_epoch = compiled_loops(loss_of)[options.loop]
    key = jax.random.key(0)
    weights = initial_weights(key)

    def zeros():
        return jax.tree.map(jnp.zeros_like, weights)

    parameters = sum(weight.size for weight in jax.tree.leaves(weights))
    state = (weights, zeros(), zeros(), jnp.zeros(()), key)
    steps = len(images) // common.BATCH_SIZE
    trained_on = steps * common.BATCH_SIZE  # the incomplete batch is left out
    order_key = jax.random.key(1)
    ends = [time.perf_counter()]
    for _ in range(1 + options.epochs):
        order_key, epoch_key = jax.random.split(order_key)
        order = jax.random.permutation(epoch_key, len(images))[:trained_on]
        batches = order.reshape(steps, common.BATCH_SIZE)
        state, loss = train_epoch(state, images, batches)
        loss = float(loss)
        ends.append(time.perf_counter())
    versions = {"jax": jax.__version__}
    common.report(ends, trained_on, loss, parameters, versions=versions)


if __name__ == "__main__":
    main()
