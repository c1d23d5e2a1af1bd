"""What ganctl does, by hand: the loop of `ganctl train quickstart` in forty lines of TensorFlow.

`tests/test_literal_loop.py` holds the two together: the same weights to the last bit. ganctl's own loop is
`ganctl/game.py`; beyond this it plays whole chunks of rounds in one compiled call, for any list of players.
"""

import tensorflow as tf

from ganctl.noise import Key


def play(networks, d_optimizer, g_optimizer, batches, seed, batch_size, disc_updates=1, gen_updates=1, real_target=0.9):
    """Yield the losses of each round; `batches` has the real images of each of its discriminator updates, in [-1, 1]."""
    generator, discriminator = networks["generator"], networks["discriminator"]
    d_weights, g_weights = discriminator.trainable_variables, generator.trainable_variables

    def latent(*where):  # the noise is a pure function of the place in the run where it is drawn
        return Key(seed, *where).latent([batch_size, generator.input_shape[1]], "normal")

    def cross_entropy(images, label):
        score = discriminator(images, training=True)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.fill(tf.shape(score), label), logits=score)
        return tf.reduce_sum(losses) / tf.cast(tf.size(losses), tf.float32)

    def descend(optimizer, weights, loss_of, *arguments):
        with tf.GradientTape() as tape:
            loss = loss_of(*arguments)
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    @tf.function
    def learn_to_judge(images, label):
        return descend(d_optimizer, d_weights, cross_entropy, images, label)

    @tf.function
    def learn_to_be_taken_for_real(z):
        discriminator.trainable = False  # while tracing: its BatchNorm then normalises with the moving statistics
        loss = descend(g_optimizer, g_weights, lambda: cross_entropy(generator(z, training=True), 1.0))
        discriminator.trainable = True
        return loss

    invent = tf.function(lambda z: generator(z, training=True))
    for step, real in enumerate(batches):
        row = {"d_loss_real": [], "d_loss_fake": [], "g_loss": []}
        for i in range(disc_updates):
            fake = invent(latent(step, "discriminator", "fake", i))
            row["d_loss_real"].append(learn_to_judge(real[i], real_target))
            row["d_loss_fake"].append(learn_to_judge(fake, 0.0))
        for i in range(gen_updates):
            row["g_loss"].append(learn_to_be_taken_for_real(latent(step, "generator", "generate", i)))
        yield row
