# make run         a collector and an agent on this machine; contacts the shipped services
# make wheel       dist/*.whl, byte for byte the same wherever it is built
# make deb         dist/*.deb, for Debian 12 and 13 (DEB="--arch arm64": for that architecture)
# make sbom        dist/sbom.cdx.json: what the program consists of (CycloneDX)
# make demo        May 2017 in three minutes, in a lab of network namespaces (root)
# make test        all tests; the lab needs root
# make pythons     tests/unit and tests/golden under Python 3.12 to 3.14, where this machine has them
# make check       format, lint, types, directions of imports
# make references  writes docs/reference/, manual pages and shell completion from the code
# make coverage    branches of each pure module that its own test file does not run
# make mutate      small changes to the code that no test notices (long)

PYTHON = .venv/bin/python
WORKERS ?= 4
# The time of the last commit, so that who builds the same source gets the same files.
EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)

.PHONY: run demo deb wheel sbom test lab pythons coverage mutate references check format bench bench-detect instructions requirements clean

run:
	@deploy/setup run
	@deploy/try

demo:
	@deploy/setup test
	$(PYTHON) -m tests.lab.demo $(DEMO)

wheel:
	@deploy/setup run
	SOURCE_DATE_EPOCH=$(EPOCH) $(PYTHON) -m hatchling build -t wheel -d dist

# On Debian or Ubuntu; `make deb DEB="--arch arm64"` builds for another architecture.
deb:
	@deploy/setup run
	$(PYTHON) -m deploy.debian.build $(DEB)

sbom:
	@deploy/setup run
	@mkdir -p dist
	SOURCE_DATE_EPOCH=$(EPOCH) $(PYTHON) -m deploy.generate.sbom > dist/sbom.cdx.json

test:
	@deploy/setup test
ifdef TESTS
	$(PYTHON) -m pytest $(TESTS)
else
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --ignore=tests/lab
	# The lab runs apart, because it measures time-outs; three at once, because its long runs mostly wait.
	$(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests/lab
endif

pythons:
	@deploy/each-python $(WORKERS)

lab:
	@deploy/setup test
	$(PYTHON) -m pytest tests/lab $(TESTS)

coverage:
	@deploy/setup test
	$(PYTHON) -m tests.coverage $(ROOMS)

mutate:
	@deploy/setup test
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/mutate.txt
	nice -n 15 $(PYTHON) -m tests.mutation $(MUTATE)

references:
	@deploy/setup test
	$(PYTHON) -m tests.references --write

check:
	@deploy/setup test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format:
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Compares with prometheus-blackbox-exporter, curl and dnspython; needs root, nginx, knot and the exporter.
bench:
	@deploy/setup test
	$(PYTHON) -m benchmarks.peers
	$(PYTHON) -m benchmarks.startup

# Compares the instructions of the hot paths with the recorded ones; needs perf with counters, or valgrind.
instructions:
	@deploy/setup test
	$(PYTHON) -m benchmarks.instructions

bench-detect:
	@deploy/setup test
	$(PYTHON) -m benchmarks.detect

# Needs uv; the only command that asks a package registry for the newest versions.
PIN = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links
requirements:
	$(PIN) pyproject.toml -o requirements/run.txt
	$(PIN) pyproject.toml --group check --group test -c requirements/run.txt -o requirements/test.txt
	$(PIN) pyproject.toml --group check --group test --group lab --group packaging -c requirements/run.txt -o requirements/lab.txt
	$(PIN) pyproject.toml --group test --group mutate -c requirements/test.txt -o requirements/mutate.txt
	printf "hatchling\neditables\n" | $(PIN) - -o requirements/build.txt

clean:
	rm -rf .venv build dist var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
