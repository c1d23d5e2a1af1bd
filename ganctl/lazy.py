"""`tf` and `keras`, loaded at first use, and the settings of Keras under which ganctl builds.

Importing TensorFlow takes seconds. Listings, `validate` and `--help` never read an attribute of these two names, and
so never pay for it. The first attribute access imports both, with TensorFlow's start-up messages kept off the
terminal: some of them come from C++ before any logging setting is read, so the file descriptor itself is redirected
meanwhile. The garbage collector is off meanwhile: it finds nothing, and takes a quarter of the time.

Floor 1. May import nothing.
"""

import atexit
import gc
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Redirect file descriptor 2; its output is shown only if the body raises an exception."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(saved, 2)
            caught.seek(0)
            sys.stderr.write(caught.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


_ONLY_FOR_KERAS = ("sklearn", "matplotlib.pyplot")
_has_the_process = False


def take_the_process() -> None:
    """Make TensorFlow load in half the time, and Python exit at once; only for a process of ganctl's own.

    While Keras loads, it finds neither scikit-learn, which only its scikit-learn wrappers use, nor Matplotlib's pyplot,
    which only its image galleries use; code that imports them later finds both. Garbage collections leave out what was
    loaded, and those at exit, which take a second, leave out everything.
    """
    global _has_the_process
    _has_the_process = True
    atexit.register(gc.freeze)


@contextmanager
def _quick_import() -> Iterator[None]:
    """Turn garbage collection off; in a process of ganctl's own, also let imports of _ONLY_FOR_KERAS fail."""
    collects = gc.isenabled()
    gc.disable()
    hidden = [name for name in _ONLY_FOR_KERAS if _has_the_process and name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        if _has_the_process:
            gc.freeze()
        if collects:
            gc.enable()


class _Lazy(ModuleType):
    """A module that is imported when its first attribute is read."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__") and attribute != "__version__":  # Python looks these up on any module
            raise AttributeError(attribute)
        if "tensorflow" not in sys.modules:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            os.environ["KERAS_BACKEND"] = "tensorflow"  # even if the shell sets another one
            with silent_stderr(), _quick_import():
                tensorflow = importlib.import_module("tensorflow")
                importlib.import_module("keras")
                tensorflow.get_logger().setLevel("ERROR")
                tensorflow.config.list_physical_devices()
        return getattr(importlib.import_module(self.__name__), attribute)


if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    tf = _Lazy("tensorflow")
    keras = _Lazy("keras")

Made = TypeVar("Made")
DATA_FORMAT = "channels_last"
"""Images are [N, H, W, C] everywhere in ganctl."""


@contextmanager
def unnamed_variables() -> Iterator[None]:
    """Create TensorFlow's variables under one name; Keras' own names and paths do not change.

    For each new name, TensorFlow compiles the operation that creates the variable (0.4 ms) and keeps it for the life of
    the process (35 kB).
    """

    def create(next_creator: Callable[..., Any], **settings: Any) -> Any:
        return next_creator(**{**settings, "name": "variable/"})  # the slash keeps outer scopes out of the name

    with tf.variable_creator_scope(create):
        yield


@contextmanager
def channels_last() -> Iterator[None]:
    """Make layers with channels last, whatever the user's keras.json says; decorates what makes parts of networks."""
    config = keras.config
    theirs = config.image_data_format()
    config.set_image_data_format(DATA_FORMAT)
    try:
        yield
    finally:
        config.set_image_data_format(theirs)


@contextmanager
def own_settings(policy: str = "float32") -> Iterator[None]:
    """Build with channels last, and float32 by default; afterwards restore the settings of the user's session.

    Args:
        policy: the dtype policy of the layers.
    """
    config = keras.config
    theirs = config.floatx(), config.dtype_policy()
    config.set_floatx("float32")
    config.set_dtype_policy(policy)
    try:
        with channels_last(), unnamed_variables():
            yield
    finally:
        config.set_floatx(theirs[0])
        config.set_dtype_policy(theirs[1])


def in_own_session(make: Callable[[], Made]) -> Made:
    """Return what a function makes in a separate Keras session.

    Keras keeps the counters that name layers, the dtype policy, its seed and variables that have no value yet for each
    thread. In another thread than the user's, none of the user's are seen or changed, and what is left there is
    forgotten with it.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, make).result()
