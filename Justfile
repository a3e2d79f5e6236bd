# `just check` is what must pass before a commit; `.ci/run` does the same from a bare machine.

# Everything below, cheapest first.
check: lint types imports test docs

# Style and formatting.
lint:
    ruff check .
    ruff format --check .

# Types, strict for the package.
types:
    pyright

# Imports go down only.
imports:
    lint-imports

# The tests; `just test -m slow` runs the long ones.
test *arguments:
    pytest -n auto {{arguments}}

# The documents that are made from the code still equal it.
docs:
    python docs/generate.py --check

# Make them again.
write-docs:
    python docs/generate.py

# Mend what can be mended without thinking.
fix:
    ruff check --fix .
    ruff format .

# Train every model for some minutes: `just zoo 60 --photos DIR`.
zoo minutes *arguments:
    python scripts/zoo.py {{minutes}} {{arguments}}
