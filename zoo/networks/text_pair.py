"""Encoder and decoder of texts, made from options."""

from zoo.networks.seeding import InitializerSeeds
from zoo.networks.text_decoder import TextDecoder
from zoo.networks.text_encoder import TextEncoder


def make_text_networks(latent_dim, label_dim, word_dropout, seed, dtype, **options):
    """(encoder, decoder), whose options are those of `zoo.networks.text`."""
    made = {"seeds": InitializerSeeds(seed), "dtype": dtype, **options}
    encoder = TextEncoder(2 * latent_dim, label_dim, name="encoder", **made)
    context_dim = latent_dim + label_dim
    return encoder, TextDecoder(context_dim, word_dropout, name="decoder", **made)
