"""How good a model is: likelihoods in nats and what else can be measured."""
