# Everything from a clean clone: `make demo`, `make test`, `make bench`. Needs Python 3.11 or later, nothing else.
.POSIX:
.PHONY: demo test test-long bench browser lint format documents lock clean-demo setup

VENV = .venv
PYTHON = $(VENV)/bin/python
READY = $(VENV)/.ready
# More than cores: most of the longer tests wait for a process, a disk or a clock.
WORKERS = 4
PYTEST = $(PYTHON) -m pytest -n $(WORKERS) --dist worksteal

demo: $(READY)
	$(PYTHON) -m coinslot.app demo $(ARGS)

test: browser lint
	$(PYTEST) $(ARGS)

# The repeats that `make test` leaves out: every pass of every crash point, all recordings at every tariff.
test-long: browser lint
	$(PYTEST) -m "" $(ARGS)

bench: $(READY)
	$(PYTHON) -m coinslot.app bench $(ARGS)

# Debian's chromium and a Chinese font, installed only where they are missing and only for tests.
browser:
	@sh tools/browser

lint: $(READY)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) -m coinslot.wire.generate --check
	$(PYTHON) -m coinslot.web.translations --check
	$(PYTHON) -m coinslot.app.settings_table --check docs/operating.md

format: $(READY)
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

# What is drawn and written from the code; lint and a test say when it is old.
documents: $(READY)
	$(PYTHON) -m coinslot.wire.generate
	$(PYTHON) -m coinslot.sandbox.conformance.document docs/link/rules.md
	$(PYTHON) -m coinslot.sessions.states docs/sessions.md
	$(PYTHON) -m coinslot.payments.states docs/payments.md
	$(PYTHON) -m coinslot.web.translations
	$(PYTHON) -m coinslot.app.settings_table docs/operating.md

# The demo's invented data, and nothing else: it knows where it keeps it.
clean-demo: $(READY)
	$(PYTHON) -m coinslot.app demo --clean

setup: $(READY)

# Once per change of the lock: every package with its hash, then this project itself, editable.
$(READY): requirements/dev.lock pyproject.toml tools/setup
	sh tools/setup $(VENV) requirements/dev.lock
	@touch $@

lock: $(READY)
	sh tools/lock $(VENV)
