# SPDX-License-Identifier: GPL-3.0-or-later
# Two commands for a newcomer: make run, make test. Both set everything up by themselves.
.PHONY: run test check format bench accuracy soak fuzz docs lock setup clean
BIN := .venv/bin

run: setup
	@exec $(BIN)/filterd run --demo .run

test: check
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not serial"
	$(BIN)/python -m pytest -m serial

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# With the resolvers that we are compared with; each part says what it misses.
bench: setup
	@installer/setup.sh bench
	$(BIN)/python tests/bench/bench_database.py
	$(BIN)/python tests/bench/bench_check.py
	$(BIN)/python tests/bench/bench_dns.py
	$(BIN)/python tests/bench/bench_page_text.py
	$(BIN)/python tests/bench/bench_http.py
	$(BIN)/python tests/bench/bench_tls.py

accuracy: setup
	$(BIN)/python categories/learning/evaluate_hosts.py
	$(BIN)/python tests/accuracy/lists.py
	$(BIN)/python tests/accuracy/held_back.py

# Ten minutes at 20 000 queries a second, while upstreams fail, workers are killed and the configuration changes.
soak: setup
	$(BIN)/python tests/soak/soak.py

# Ten minutes of made-up messages to all that reads strangers' bytes.
fuzz: setup
	$(BIN)/python -m pip install -q --disable-pip-version-check atheris || true
	$(BIN)/python tests/fuzz/fuzz.py

# Writes the pages of docs/ that come from declarations.
docs: setup
	$(BIN)/python -m filterd.settings_docs > docs/configuration.md

# Writes requirements.lock anew from pyproject.toml: every dependency with its version and hashes.
lock: setup
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --extra gui --universal --python-version 3.12 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --upgrade --custom-compile-command "make lock" -o requirements.lock

setup:
	@installer/setup.sh

clean:
	rm -rf .venv .venv-uv .run .pytest_cache .mypy_cache .ruff_cache .hypothesis
