"""Hand-written TensorFlow loops: two of the zoo's models of 28x28 images.

No Keras: weights are `tf.Variable`s, a step is one `tf.function`, and Adam is
TensorFlow's own operation. Images stay in memory as one tensor. `--compiler xla`
compiles the step with XLA, whose convolutions are slower on a CPU than TensorFlow's.
"""

import time

import common
import peers_tensorflow_conv as conv
import peers_tensorflow_ladder as ladder
import tensorflow as tf

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
MODELS = {
    "conv": (conv.ConvVAE, conv.negative_elbo),
    "ladder": (ladder.Ladder, ladder.negative_elbo),
}


class Adam(tf.Module):
    def __init__(self, variables):
        super().__init__()
        self.variables_to_train = variables
        self.first = [tf.Variable(tf.zeros_like(v)) for v in variables]
        self.second = [tf.Variable(tf.zeros_like(v)) for v in variables]
        self.powers = [tf.Variable(1.0), tf.Variable(1.0)]

    def apply(self, gradients):
        for power, beta in zip(self.powers, (BETA_1, BETA_2), strict=True):
            power.assign(power * beta)
        for variable, first, second, gradient in zip(
            self.variables_to_train, self.first, self.second, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=self.powers[0],
                beta2_power=self.powers[1],
                lr=common.LEARNING_RATE,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )


def main():
    options = common.parse_options(
        __doc__, model=tuple(MODELS), compiler=("none", "xla")
    )
    tf.random.set_seed(0)
    images = tf.constant(common.load_images(options))
    make_model, negative_elbo = MODELS[options.model]
    model = make_model()
    variables = list(model.trainable_variables)
    adam = Adam(variables)

    @tf.function(jit_compile=options.compiler == "xla")
    def train_step(indices):
        x = tf.gather(images, indices)
        with tf.GradientTape() as tape:
            loss = negative_elbo(model, x)
        adam.apply(tape.gradient(loss, variables))
        return loss

    steps = len(images) // common.BATCH_SIZE
    trained_on = steps * common.BATCH_SIZE  # the incomplete batch is left out
    ends = [time.perf_counter()]
    for _ in range(1 + options.epochs):
        order = tf.random.shuffle(tf.range(len(images)))[:trained_on]
        batches = tf.unstack(tf.reshape(order, (steps, common.BATCH_SIZE)))
        loss = float(tf.reduce_mean([train_step(indices) for indices in batches]))
        ends.append(time.perf_counter())
    parameters = sum(v.shape.num_elements() for v in variables)
    versions = {"tensorflow": tf.__version__}
    common.report(ends, trained_on, loss, parameters, versions=versions)


if __name__ == "__main__":
    main()
