# The everyday commands; `just` lists them.

python := ".venv/bin/python"

# Everything that CI checks
ci:
    bash .ci/run

# An environment to work in
install:
    python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]'

# The quick tests
test *arguments:
    {{python}} -m pytest -q -n 2 -m "not slow" {{arguments}}

# Style and types
check:
    {{python}} -m ruff check . && {{python}} -m ruff format --check . && {{python}} -m mypy

# Put the code into the house style
format:
    {{python}} -m ruff check --fix . && {{python}} -m ruff format .

# Write the generated pages of the docs again
docs:
    {{python}} docs/make_architecture.py && {{python}} docs/make_configuration.py && {{python}} docs/make_commands.py && {{python}} docs/make_gradients.py
