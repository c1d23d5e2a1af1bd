"""Modules of PyTorch that compute what a Keras network computes, and where each of its weights goes.

`ganctl.generation.torch_translation` makes them of a network.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Layer = Any


@dataclass
class Weight:
    """A tensor of a module's state.

    Attributes:
        variable: the Keras variable that it holds; None for a constant, which Keras does without.
        places: for every number of the tensor, its place in the flattened variable; -1 for a zero that Keras lacks. For
            a constant, the tensor itself.
    """

    variable: Any
    places: np.ndarray

    @classmethod
    def of(cls, variable: Any, layout: Callable[[np.ndarray], np.ndarray] = lambda array: array) -> "Weight":
        """Return a variable in another layout; `layout` may transpose and reorder."""
        shape = tuple(variable.shape)
        return cls(variable, layout(np.arange(int(np.prod(shape))).reshape(shape)))

    def to_torch(self) -> np.ndarray:
        """Return the tensor."""
        if self.variable is None:
            return self.places
        flat = np.append(np.asarray(self.variable).ravel(), 0).astype(np.asarray(self.variable).dtype)
        found: np.ndarray = flat[self.places]
        return found

    def to_keras(self, tensor: np.ndarray) -> np.ndarray:
        """Return what the variable is if this is the tensor."""
        array = np.empty(tuple(self.variable.shape), tensor.dtype)
        there = self.places >= 0
        array.reshape(-1)[self.places[there]] = tensor[there]
        return array


@dataclass
class Module:
    """A module of `torch.nn`.

    Attributes:
        kind: its class.
        arguments: positional ones under "", the others by name.
        weights: its state, by the names in `state_dict()`.
        layer: the Keras layer that it stands for.
    """

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)
    layer: Layer = None

    def __str__(self) -> str:
        given = [repr(value) for value in self.arguments.get("", ())]
        given += [f"{name}={value!r}" for name, value in self.arguments.items() if name]
        return f"nn.{self.kind}({', '.join(given)})"

    def made(self, nn: Any) -> Any:
        """Return the module itself, from `torch.nn`."""
        named = {name: value for name, value in self.arguments.items() if name}
        return getattr(nn, self.kind)(*self.arguments.get("", ()), **named)


@dataclass(frozen=True)
class Expression:
    """A computation that is not a module.

    Attributes:
        text: Python, in which {0}, {1} ... stand for the inputs.
        function: the same as a function of PyTorch and the inputs.
    """

    text: str
    function: Callable[..., Any]


CHANNELS_FIRST = Expression("{0}.permute(0, 3, 1, 2)", lambda torch, x: x.permute(0, 3, 1, 2))


@dataclass(frozen=True)
class Step:
    """One computation and the numbers of the values that it takes."""

    inputs: tuple[int, ...]
    what: Module | Expression


@dataclass(frozen=True)
class Translation:
    """A network as steps; a value's number is that of its step after the inputs, which come first."""

    inputs: Sequence[str]
    steps: Sequence[Step]
    output: int

    @property
    def modules(self) -> list[Module]:
        """The modules in the order of their use."""
        return [step.what for step in self.steps if isinstance(step.what, Module)]

    @property
    def sequential(self) -> bool:
        """Whether it is a chain of modules."""
        chained = all(step.inputs == (number,) for number, step in enumerate(self.steps))
        return chained and len(self.inputs) == 1 and len(self.modules) == len(self.steps) == self.output

    def names(self) -> list[str]:
        """Return the name of each module in `state_dict()`: its number in a chain, or else kind and number."""
        if self.sequential:
            return [str(number) for number in range(len(self.modules))]
        return [f"{module.kind.lower()}_{number}" for number, module in enumerate(self.modules)]

    def tensors(self) -> Iterator[tuple[str, Weight]]:
        """Yield every tensor by its name in `state_dict()`."""
        for name, module in zip(self.names(), self.modules, strict=True):
            yield from ((f"{name}.{key}", weight) for key, weight in module.weights.items())

    def source(self) -> list[str]:
        """Return lines of Python that make `generator`, given `torch` and `nn`."""
        if self.sequential:
            return ["generator = nn.Sequential(", *(f"    {module}," for module in self.modules), ")"]
        names, count = iter(self.names()), len(self.inputs)
        made, lines = [], []
        values = [*self.inputs, *(f"x{number}" for number in range(len(self.steps)))]
        for number, step in enumerate(self.steps):
            given = [values[value] for value in step.inputs]
            if isinstance(step.what, Module):
                name = next(names)
                made.append(f"        self.{name} = {step.what}")
                lines.append(f"        {values[count + number]} = self.{name}({given[0]})")
            else:
                lines.append(f"        {values[count + number]} = {step.what.text.format(*given)}")
        return [
            "class Generator(nn.Module):",
            "    def __init__(self):",
            "        super().__init__()",
            *made,
            f"    def forward(self, {', '.join(self.inputs)}):",
            *lines,
            f"        return {values[self.output]}",
            "generator = Generator()",
        ]
