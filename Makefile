# SPDX-License-Identifier: Apache-2.0
# `make` lists what there is. Nothing here needs more of a Debian machine than make, git and python3: what else a target needs, it
# installs with apt, or in a virtual environment in the cache directory, and says so.

PYTHON ?= python3
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' reaper/__init__.py)

# Where `make install` puts things: the one installation that debian/rules and the rpm spec call too.
DESTDIR       ?=
PREFIX        ?= /usr/local
SYSCONFDIR    ?= /etc
# systemd's and PAM's own directories: units and modules elsewhere would not be found.
SYSTEMDDIR    ?= /usr/lib/systemd
UNITDIR       ?= $(SYSTEMDDIR)/system
TMPFILESDIR   ?= /usr/lib/tmpfiles.d
PAMCONFIGSDIR ?= /usr/share/pam-configs
# Whose common stacks the PAM service of a lock includes: those of debian or of redhat.
PAMSTACKS     ?= $(if $(wildcard /etc/pam.d/common-auth),debian,redhat)
DOCDIR        ?= $(PREFIX)/share/doc/idle-reaper
MANDIR        ?= $(PREFIX)/share/man
BASHDIR       ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR        ?= $(PREFIX)/share/zsh/site-functions
FISHDIR       ?= $(PREFIX)/share/fish/vendor_completions.d
# An application's modules are its own: they are not importable by others, nor others' by a changed path.
PYTHONDIR     ?= $(PREFIX)/share/idle-reaper
INTERPRETER   ?= /usr/bin/python3

# What the tests need. Linters are pinned: a new one's opinion is a change to make, not a build to break.
REQUIREMENTS := pytest>=8,<10 pytest-xdist>=3,<4 hypothesis>=6.100,<7 ruff==0.17.* mypy>=1.11,<2 types-PyYAML types-psutil \
	PyYAML psutil systemd-python python-pam six
REAPER_TEST_CACHE ?= /var/cache/reaper-tests
VENV_KEY := $(shell { printf '%s\n' '$(REQUIREMENTS)'; $(PYTHON) -VV; } 2>&1 | sha256sum | cut -c1-12)
VENV := $(REAPER_TEST_CACHE)/venv-$(VENV_KEY)
LAB := $(PYTHON) -m tests.host.lab
IN_VENV := PATH="$(VENV)/bin:$$PATH" $(VENV)/bin/python -m
PYTEST := $(IN_VENV) pytest
# How many processes run tests side by side (WORKERS=10). Those of a host mostly wait: each takes about an eighth of a CPU.
# tests/host/schedule.py says which process runs what.
WORKERS ?= 4
SIDE_BY_SIDE = -n $(WORKERS) --dist loadgroup
ARGS ?=
MINUTES ?= 10
TARGETS ?=

export REAPER_TEST_CACHE
# No .pyc in the checkout: it is what the package is built from.
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help deb install install-host build lint test test-all test-unit test-vm fuzz demo captures bench scoreboard clean test-tools

help: ## This list
	@echo "reaper $(VERSION)"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: ## Watch it work: a disposable host, two people, one idle and one typing
	@$(LAB) tools
	@$(PYTHON) -m tests.host.demo $(ARGS)

captures: ## Take the screens of reaperctl in the README anew, on a disposable host
	@$(LAB) tools
	@$(PYTHON) -m tests.host.captures

deb: ## Build this machine's package into dist/ (SUITE=bookworm: another suite's)
	@$(LAB) deb --output dist $(if $(SUITE),--suite $(SUITE))

install-host: ## Build the package and install it on this machine
	@if [ ! -d /run/systemd/system ]; then \
		echo "install-host: systemd does not run this machine (PID 1 is $$(cat /proc/1/comm));" \
			"reaper would have no service manager, no logind and no journal to work with." >&2; \
		echo "Try 'make demo', which boots a disposable host." >&2; \
		exit 1; \
	fi
	@# A directory that apt's own user can read, so that it fetches nothing as root.
	@set -e; built=$$(mktemp -d); trap 'rm -rf "$$built"' EXIT; chmod 0755 "$$built"; \
		$(LAB) deb --output "$$built"; apt-get install -y "$$built"/idle-reaper_*.deb

build: ## Compile the PAM module
	$(MAKE) -C pam_hook

lint: $(VENV)/.complete ## Linters and type checks
	@$(LAB) tools --tests
	$(IN_VENV) ruff check .
	$(IN_VENV) mypy
	shellcheck .ci/run
	$(PYTEST) tests/repo $(ARGS)

test: test-tools ## Every test, on booted Debian 12 and 13 hosts too
	@$(LAB) prepare bookworm trixie
	$(PYTEST) $(SIDE_BY_SIDE) -m 'not vm' --suite bookworm --suite trixie $(ARGS)

test-all: test-tools ## Every test, on Debian 11 too
	@$(LAB) prepare bullseye bookworm trixie
	$(PYTEST) $(SIDE_BY_SIDE) -m 'not vm' --suite bullseye --suite bookworm --suite trixie $(ARGS)

test-vm: test-tools ## The tests that need consoles, clocks and old kernels, in virtual machines
	@$(LAB) prepare --vm bullseye bookworm
	$(PYTEST) tests/host/vm $(ARGS)

test-unit: $(VENV)/.complete ## The tests that need no host, in seconds
	$(PYTEST) -n logical --dist worksteal tests/unit tests/property $(ARGS)

fuzz: test-tools ## Fuzz every reader of foreign bytes (MINUTES=10 in all, TARGETS='policy keys' for some)
	@$(IN_VENV) tests.fuzz --minutes $(MINUTES) $(ARGS) $(TARGETS)

bench: test-tools ## Measure the figures in the README
	@$(LAB) prepare bookworm trixie
	@$(IN_VENV) tests.bench $(ARGS)

scoreboard: test-tools ## Who ends what: sessions kept and ended by reaper, logind, sshd, TMOUT and autolog
	@$(LAB) prepare bookworm trixie
	@$(PYTHON) -m tests.bench.scoreboard $(ARGS)

clean: ## Remove what was built here, but not the cache of trees
	$(MAKE) -C pam_hook clean
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

test-tools: $(VENV)/.complete
	@$(LAB) tools --tests

$(VENV)/.complete:
	@$(LAB) tools --tests
	@echo "make: installing the tests' Python packages in $(VENV) ..." >&2
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip -qq --disable-pip-version-check install $(foreach word,$(REQUIREMENTS),'$(word)')
	@touch $@

# Installation

define LAUNCHER
#!$(INTERPRETER) -I
import sys

sys.path.insert(0, "$(PYTHONDIR)")
from $(1) import main

sys.exit(main())
endef
export REAPERD_LAUNCHER := $(call LAUNCHER,reaper.daemon.__main__)
export REAPERCTL_LAUNCHER := $(call LAUNCHER,reaper.ctl.__main__)
export REAPERLOCK_LAUNCHER := $(call LAUNCHER,reaper.lock.__main__)

# $(call put,FILES,DIRECTORY): files that are not there yet, or not any more, are no error.
put = $(foreach file,$(wildcard $(1)),install -D -m 0644 $(file) $(DESTDIR)$(2)/$(notdir $(file)) &&) true

install: build ## Install it all (DESTDIR=, PREFIX=); what packages call, prefer one of them
	$(MAKE) -C pam_hook install DESTDIR='$(DESTDIR)'
	find reaper -type f \( -name '*.py' -o -name '*.varlink' \) -exec install -D -m 0644 {} '$(DESTDIR)$(PYTHONDIR)/{}' \;
	install -d -m 0755 $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin
	printf '%s\n' "$$REAPERD_LAUNCHER" > $(DESTDIR)$(PREFIX)/sbin/reaperd
	printf '%s\n' "$$REAPERCTL_LAUNCHER" > $(DESTDIR)$(PREFIX)/bin/reaperctl
	printf '%s\n' "$$REAPERLOCK_LAUNCHER" > $(DESTDIR)$(PYTHONDIR)/reaper-lock
	chmod 0755 $(DESTDIR)$(PREFIX)/sbin/reaperd $(DESTDIR)$(PREFIX)/bin/reaperctl $(DESTDIR)$(PYTHONDIR)/reaper-lock
	$(call put,systemd/*.service systemd/*.socket systemd/*.target systemd/*.timer systemd/*.slice,$(UNITDIR))
	$(call put,systemd/*.catalog,$(SYSTEMDDIR)/catalog)
	$(call put,systemd/*.preset,$(SYSTEMDDIR)/system-preset)
	$(call put,systemd/tmpfiles.d/*.conf,$(TMPFILESDIR))
	$(call put,packaging/pam/*,$(PAMCONFIGSDIR))
	install -D -m 0644 packaging/pam.d/$(PAMSTACKS) $(DESTDIR)$(SYSCONFDIR)/pam.d/reaper
	$(call put,packaging/reaper.yaml,$(SYSCONFDIR)/reaper)
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/reaper/reaper.d $(DESTDIR)/usr/lib/reaper/reaper.d
	$(foreach section,1 5 7 8,$(call put,packaging/man/*.$(section),$(MANDIR)/man$(section)) &&) true
	$(call put,packaging/completions/bash/*,$(BASHDIR))
	$(call put,packaging/completions/zsh/*,$(ZSHDIR))
	$(call put,packaging/completions/fish/*,$(FISHDIR))
	$(call put,README.md,$(DOCDIR))
