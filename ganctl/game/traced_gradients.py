"""Gradients that TensorFlow registers while it traces, and would never forget.

In a graph, each call of a function with `tf.custom_gradient` is registered under a new name for the lifetime of the
process, and the registered function holds the graph. Keras' optimizers contain such a call, and so does ganctl's
LeakyReLU: every game ever played would stay in memory, at 15 to 100 MB each. The gradients are looked up while a graph
is differentiated, so they can be removed once the game can no longer be traced or played.

The registry is private to TensorFlow; the names here were read in release 2.21, and only this module uses them.
"""

import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Traced = TypeVar("Traced", bound=Callable[..., Any])

_PREFIX = "CustomGradient-"


def registered() -> set[str]:
    """Return the names of all gradients that calls of `tf.custom_gradient` have registered in graphs so far."""
    return {name for name in _register() if name.startswith(_PREFIX)}


def forget(names: Iterable[str]) -> None:
    """Remove such gradients. A graph that contains them can still be played, but not differentiated again."""
    register = _register()
    for name in names:
        register.pop(name, None)


def forgotten_with_owner(method: Traced) -> Traced:
    """Forget the gradients registered while a method is traced once the method's object is freed."""

    @functools.wraps(method)
    def traced(owner: Any, *arguments: Any, **keys: Any) -> Any:
        before = registered()
        result = method(owner, *arguments, **keys)
        weakref.finalize(owner, forget, registered() - before).atexit = False
        return result

    return traced  # type: ignore[return-value]


def _register() -> dict[str, Any]:
    from tensorflow.python.framework import ops

    return ops._gradient_registry._registry
