"""The state that the augmentation ADA keeps between updates."""

from typing import Any

from ganctl.lazy import keras


@keras.saving.register_keras_serializable("ganctl")
class AdaMemory(keras.layers.Layer):
    """Scalars: the probability, and signs, images and updates since its last change (`ganctl.augmentations.ada`)."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name in ("probability", "signs", "images", "updates"):
            setattr(self, name, self.add_weight(shape=(), initializer="zeros", trainable=False, name=name))
        self.built = True
