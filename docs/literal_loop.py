"""What ganctl does, by hand: the loop of `ganctl train quickstart` in forty lines of TensorFlow.

`tests/parity/test_literal_loop.py` holds the two together: the same weights to the last bit (with
`training.rewrites: false`; else up to rounding). ganctl's own loop is in `ganctl/game/game.py`; it plays a whole chunk
of rounds in one compiled call, and any list of players. Left out here is the running average of the generator, from
which the samples are drawn.
"""

import tensorflow as tf

from ganctl.game import Key


def play(networks, d_optimizer, g_optimizer, real_batches, seed, disc_updates=1, gen_updates=1, real_target=0.9):
    """Yield the mean losses of each round; `real_batches` yields its images, [disc_updates, N, H, W, C] in [-1, 1]."""
    generator, discriminator = networks["generator"], networks["discriminator"]

    def latent(count, *where):  # noise is a pure function of the place in the run where it is drawn
        return Key(seed, *where).latent([count, generator.input_shape[1]], "normal")

    def cross_entropy(images, target):
        score = discriminator(images, training=True)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.fill(tf.shape(score), target), logits=score)
        return tf.reduce_sum(losses) / tf.cast(tf.size(losses), tf.float32)

    def move(network, optimizer, loss_of):
        with tf.GradientTape() as tape:
            loss = loss_of()
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    @tf.function
    def invent(z):  # with the batch's statistics; the moving ones are learned in the generator's own turn
        moving = [tf.identity(variable) for variable in generator.non_trainable_variables]
        images = generator(z, training=True)
        for variable, value in zip(generator.non_trainable_variables, moving, strict=True):
            variable.assign(value)
        return images

    @tf.function
    def learn_to_judge(real, fake):  # `summed`: one update on both losses
        return move(discriminator, d_optimizer, lambda: cross_entropy(real, real_target) + cross_entropy(fake, 0.0))

    @tf.function
    def learn_to_be_taken_for_real(z):
        return move(generator, g_optimizer, lambda: cross_entropy(generator(z, training=True), 1.0))

    for step, real in enumerate(real_batches):
        d_losses, g_losses = [], []
        for i in range(disc_updates):
            fake = invent(latent(len(real[i]), step, "discriminator", "real and fake", i))
            d_losses.append(learn_to_judge(real[i], fake))
        for i in range(gen_updates):
            g_losses.append(learn_to_be_taken_for_real(latent(len(real[0]), step, "generator", "generate", i)))
        yield {"d_loss": tf.add_n(d_losses) / len(d_losses), "g_loss": tf.add_n(g_losses) / len(g_losses)}
