# Everything this checkout does, from nothing but Python, make, a C compiler and the package registries.
# `make` alone prints the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDEXPANSION:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# ---- What a caller may choose, on the command line only ----
STACK := formers
PYTHON :=
BOUNDS :=
ARGS :=
UPGRADE :=
BENCH_JSON := build/benchmarks.json

STACKS := formers paddlenlp3 paddlenlp2 paddleocr paddle32 paddle31 paddle30
VERSIONS := 3.10 3.11 3.12 3.13
$(if $(filter $(STACK),$(STACKS)),,$(error STACK=$(STACK) is none of: $(STACKS)))
$(if $(filter-out $(VERSIONS),$(PYTHON)),$(error PYTHON=$(PYTHON) is none of: $(VERSIONS)))
$(if $(filter-out oldest,$(BOUNDS)),$(error BOUNDS=$(BOUNDS): only "oldest" is known))

# ---- Tools ----
# Nothing is downloaded but packages: interpreters are looked for on PATH and among pyenv's.
export UV_PYTHON_DOWNLOADS := never
export PIP_ROOT_USER_ACTION := ignore
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
# Importing Paddle takes 9 s without byte code and 2 s with it; and what is tested is what is installed.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH
PYENV_PYTHONS := $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.*/bin)
OWN_UV := $(CURDIR)/.tools/uv/bin/uv
export UV := $(or $(shell uv --version >/dev/null 2>&1 && command -v uv),$(OWN_UV))
export PYRIGHT := $(CURDIR)/.venv/lint/bin/pyright
PROGRESS := $(shell [ -t 2 ] || echo --quiet)
say = @printf '==> %s\n' "$(1)"

# ---- Environments: .venv/<lock>, or .venv/<lock>-<version> where PYTHON= was given ----
LOCKS := tests/requirements
suffix := $(if $(PYTHON),-$(PYTHON))
STACK_ENV := .venv/$(STACK)$(suffix)
FORMERS_ENV := .venv/formers$(suffix)
CORE_ENV := .venv/core$(if $(BOUNDS),-$(BOUNDS))$(suffix)
PYTHONS := 3.11 3.12 3.10 3.13
PYTHONS_paddlenlp3 := 3.11 3.12 3.10
PYTHONS_paddlenlp2 := 3.11 3.12 3.10
PYTHONS_paddleocr := 3.11 3.12 3.10
# The real models that a stack's tests run, each a package that is locked and installed without its dependencies.
MODELS_formers := model
MODELS_paddlenlp3 := model
MODELS_paddlenlp2 := model
MODELS_paddleocr := ocr-model
# Of an environment's name: its lock, the Python versions that may serve it (best first), and all its locked files.
lock = $(or $(strip $(foreach v,$(VERSIONS),$(patsubst %-$v,%,$(filter %-$v,$1)))),$1)
asked = $(strip $(foreach v,$(VERSIONS),$(if $(filter %-$v,$1),$v)))
allowed = $(or $(PYTHONS_$(call lock,$1)),$(PYTHONS))
pythons = $(if $(call asked,$1),$(filter $(call asked,$1),$(call allowed,$1)),$(call allowed,$1))
locked = $(patsubst %,$(LOCKS)/%.txt,$(call lock,$1) $(MODELS_$(call lock,$1)))
is_stack = $(filter $(STACKS),$(call lock,$1))

# ---- Which tests run where; a folder that is not there yet is left out ----
TESTS_formers := unit library inference end_to_end backends packaging docs
TESTS_paddlenlp3 := library docs
TESTS_paddlenlp2 := library inference
TESTS_paddleocr := pipelines inference docs
TESTS_paddle32 := inference
TESTS_paddle31 := inference
TESTS_paddle30 := inference
TESTS := $(wildcard $(addprefix tests/,$(TESTS_$(STACK))))
# Unit tests fork, and a process in which Paddle has run a program cannot: its child crashes, without us too. So they
# have a process of their own; the names of a group are joined by +.
TEST_GROUPS := $(filter tests/unit,$(TESTS)) $(subst $() $(),+,$(strip $(filter-out tests/unit,$(TESTS))))

.PHONY: help setup demo test test-core lint types imports build bench backends lock clean compiler disk-tools redis

help: ## This list
	@printf 'make TARGET [STACK=%s] [PYTHON=3.x] [ARGS="for pytest"]\n\n' "$(subst $() $(),|,$(STACKS))"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(STACK_ENV)/.installed .venv/lint/.installed ## Make the environments of STACK and of the checks

demo: $(FORMERS_ENV)/.installed ## Serve a real chat model, send requests, show traces and metrics
	@$(FORMERS_ENV)/bin/python docs/examples/chat_server/demo.py

test: $(STACK_ENV)/.installed $(if $(filter formers,$(STACK)),.venv/lint/.installed disk-tools) $(if $(filter formers paddlenlp3 paddlenlp2,$(STACK)),redis) $(if $(filter formers paddleocr,$(STACK)),backends) ## All tests of STACK, with its real Paddle
	$(call say,tests: stack $(STACK))
	$(if $(TESTS),,@echo "There is none of: $(addprefix tests/,$(TESTS_$(STACK)))" >&2; exit 1)
	@status=0; $(foreach group,$(TEST_GROUPS),\
	    TEST_STACK=$(STACK) $(STACK_ENV)/bin/python -m pytest --timeout=900 $(subst +, ,$(group)) $(ARGS) || [ $$? = 5 -a -n '$(ARGS)' ] || status=1;) \
	    exit $$status

test-core: $(CORE_ENV)/.installed disk-tools redis ## What needs no Paddle; PYTHON=3.13, BOUNDS=oldest for the oldest dependencies
	$(call say,tests without Paddle: $(notdir $(CORE_ENV)))
	@$(CORE_ENV)/bin/python -m pytest --timeout=900 tests/unit $(ARGS)

lint: .venv/lint/.installed ## ruff: rules and format
	$(call say,ruff)
	@.venv/lint/bin/ruff check .
	@.venv/lint/bin/ruff format --check .

types: .venv/lint/.installed $(FORMERS_ENV)/.installed ## pyright, strict
	$(call say,pyright)
	@$(PYRIGHT) --pythonpath $(FORMERS_ENV)/bin/python

imports: .venv/lint/.installed ## The import law: instrumentation knows the library, never the other way round
	$(call say,import law)
	@PYTHONPATH=src:instrumentation .venv/lint/bin/lint-imports

build: .venv/lint/.installed ## Wheel and source distribution in dist/, and the tests of both
	$(call say,wheel and source distribution)
	@$(UV) build --quiet --clear --out-dir dist --build-constraints $(LOCKS)/lint.txt --require-hashes
	@ls -l dist | awk 'NF > 2 {print "    " $$NF " " $$5 " bytes"}'
	@.venv/lint/bin/python -m pytest --timeout=900 --confcutdir=tests/packaging tests/packaging $(ARGS)

bench: $(FORMERS_ENV)/.installed .venv/peers/.installed ## Benchmarks: a table here, the figures in build/benchmarks.json
	@mkdir -p $(dir $(BENCH_JSON))
	@$(FORMERS_ENV)/bin/python tests/benchmarks/run.py --json $(BENCH_JSON)
	@.venv/peers/bin/python tests/benchmarks/bench_peers.py --json $(BENCH_JSON:.json=-peers.json)

backends: $(FORMERS_ENV)/.installed ## Build the real Jaeger and Prometheus that the tests talk to (once per machine)
	$(if $(wildcard tests/backends/build.py),@$(FORMERS_ENV)/bin/python tests/backends/build.py)

lock: | $(UV) ## Bring the locked requirements in step with their sources; UPGRADE=1 takes the newest of all
	$(call say,resolving)
	@$(compile) $(PROJECT) core.in -o core.txt
	@$(compile) $(PROJECT) core-oldest.in --resolution lowest-direct -o core-oldest.txt
	@$(compile) $(PROJECT) formers.in -c core.txt -o formers.txt
	@$(compile) $(PROJECT) paddlenlp3.in -c core.txt -o paddlenlp3.txt
	@$(compile) $(PROJECT) paddlenlp2.in -c core.txt --overrides paddlenlp2.overrides.in -o paddlenlp2.txt
	@$(compile) $(PROJECT) paddleocr.in -c core.txt -o paddleocr.txt
	@$(foreach stack,paddle32 paddle31 paddle30,$(compile) $(PROJECT) $(stack).in -c core.txt -o $(stack).txt;)
	@$(compile) $(EXAMPLE)/requirements.in -c formers.txt -o $(EXAMPLE)/requirements.txt
	@$(compile) $(PROJECT) peers.in -c core.txt -o peers.txt
	@$(compile) lint.in -c core.txt -o lint.txt
	@$(compile) model.in --no-deps -o model.txt
	@$(compile) ocr-model.in --no-deps -o ocr-model.txt
	@$(compile) uv.in -o uv.txt
PROJECT := ../../pyproject.toml --extra otlp --extra redis
EXAMPLE := ../../docs/examples/chat_server
# No index is named in a lock: packages come from the registry that the machine is set up for. It runs in the folder of
# the locks, where uv.toml corrects what packages declare wrongly (and stands in for a uv.toml of the user).
compile = $(UV) --directory $(LOCKS) --config-file uv.toml pip compile --quiet --universal --python-version 3.10 \
    --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

clean: ## Remove what was made here: environments, tools, builds, caches
	@rm -rf .venv .tools .pytest_cache .ruff_cache .import_linter_cache build dist
	@find src instrumentation tests docs -name __pycache__ -prune -exec rm -rf {} +

# ---- How they are made ----
# The stamp is newer than the locks, or the environment is brought in step; one without a stamp is kept if its Python fits.
.venv/%/.installed: $$(call locked,$$*) $(LOCKS)/lint.txt pyproject.toml | compiler $(UV)
	$(call say,$*: installing what is locked$(if $(call is_stack,$*), - several hundred MB where nothing is cached))
	@$(if $(call pythons,$*),,echo "$(call lock,$*) runs on Python $(call allowed,$*); not on $(call asked,$*)." >&2; exit 1)
	@$(call fits,$*) || { \
	    python=$$($(foreach v,$(call pythons,$*),$(find_python) $v 2>/dev/null ||) true); \
	    if [ -z "$$python" ]; then \
	        echo "No Python found of: $(call pythons,$*) (on PATH and among pyenv's). Install one, with its headers." >&2; \
	        exit 1; \
	    fi; \
	    $(UV) venv --quiet --no-project --clear --python "$$python" $(@D); \
	}
	@$(UV) pip sync $(PROGRESS) --python $(@D) --require-hashes $(call locked,$*)
	$(if $(filter lint,$*),,@$(install_project) --python $(@D))
	@touch $@
find_python = PATH="$(subst $() $(),,$(PYENV_PYTHONS:%=%:))$$PATH" $(UV) python find --system --no-project
install_project = $(UV) pip install $(PROGRESS) --no-deps --build-constraints $(LOCKS)/lint.txt --editable .
fits = .venv/$1/bin/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in "$(call pythons,$1)".split())' 2>/dev/null

$(OWN_UV): $(LOCKS)/uv.txt
	$(call say,uv: into .tools)
	@rm -rf .tools/uv
	@if python3 -c 'import ensurepip, venv' 2>/dev/null; then \
	    python3 -m venv .tools/uv && .tools/uv/bin/python -m pip install --quiet --require-hashes -r $<; \
	elif python3 -m pip --version >/dev/null 2>&1; then \
	    python3 -m pip install --quiet --require-hashes --target .tools/uv -r $<; \
	else \
	    $(call debian,python3-venv,Python has neither its venv module nor pip); \
	    python3 -m venv .tools/uv && .tools/uv/bin/python -m pip install --quiet --require-hashes -r $<; \
	fi
	@touch $@

compiler:
	@command -v cc >/dev/null || { $(call debian,gcc libc6-dev,There is no C compiler); }

disk-tools: # What the tests compare the disk metrics with: smartctl, iostat, and fio and stress-ng for load
	@export PATH="$$PATH:/usr/sbin:/sbin"; for tool in smartctl iostat fio stress-ng; do \
	    command -v $$tool >/dev/null || { \
	        $(call debian,smartmontools sysstat fio stress-ng,The tests need $$tool); \
	        break; \
	    }; \
	done

redis: # What the processes of the tests share their budgets in
	@command -v redis-server >/dev/null && command -v redis-cli >/dev/null || { \
	    $(call debian,redis-server redis-tools,The tests need redis-server and redis-cli); \
	}

# Installs Debian packages where that is possible, else says what to type. $(call debian,packages,what is missing)
debian = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
        apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1); \
    else \
        echo "$(2). On Debian: sudo apt-get install -y --no-install-recommends $(1)" >&2; exit 1; \
    fi
