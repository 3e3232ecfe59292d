# `make` lists the targets. They share one target folder, one set of features and one set of flags, so that nothing is compiled twice: the pure
# core is built without the AWS SDK and kube, and everything else as `--workspace --all-features`, which the feature `workspace-tests`
# of the binding crates repeats for the wheel and the Node module.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The steps of `test` are in the order of their cost, and cargo is parallel itself.
.NOTPARALLEL:

# pyo3's build scripts run again when these change, so cargo by itself and cargo under maturin must see the same.
export PYO3_BUILD_EXTENSION_MODULE := 1
with_tools = tools=$$(scripts/python-tools); export PYO3_PYTHON="$$tools/venv/bin/python"
# The control plane and the emulators that the tests on real components start.
with_environment = environment=$$(tests/env/setup --print-env); eval "$$environment"

pure := -p podrole -p podrole-examples --no-default-features --features podrole/contract,podrole/schema
everything := --workspace --all-features

.PHONY: help prerequisites setup fmt fmt-check lint check test test-core test-rust test-python test-node test-examples dist bench doc clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' Makefile | while IFS='|' read -r name text; do printf 'make %-14s %s\n' "$$name" "$$text"; done

prerequisites:
	@scripts/prerequisites

setup: prerequisites ## make what the tests need (control plane, AWS emulators, tools), once, outside the checkout
	@scripts/python-tools >/dev/null
	@tests/env/setup

fmt: ## format the Rust code
	cargo fmt --all

fmt-check:
	cargo fmt --all -- --check

check: ## compile everything without building it
	@$(with_tools); set -x; cargo check --locked $(everything) --all-targets

lint: ## clippy over everything; a warning is an error
	@$(with_tools); set -x; cargo clippy --locked $(everything) --all-targets -- -D warnings

test: prerequisites fmt-check test-core lint doc test-rust test-python test-node test-examples ## set up and run every test there is

test-core: ## the pure core and the in-memory world, without AWS SDK and kube: the inner loop
	cargo test --locked $(pure)

# What `test-core` ran needs no second run: its tests know the in-memory world alone. Those on real components mostly wait for servers: more of them at once
# than there are processors.
test-rust: ## the Rust tests of the adapters and on the real components, doctests included
	@$(with_environment); set -x; cargo build --locked $(everything) --examples; \
	    RUST_TEST_THREADS=6 cargo test --locked $(everything) --lib --test real; cargo test --locked $(everything) --doc

test-python: ## the wheel, in a clean virtual environment
	@$(with_tools); scripts/test-python

test-node: ## the packed tarball, in an empty project
	@scripts/test-node

test-examples: ## run the examples
	@scripts/run-examples

dist: ## the optimised, stripped wheel and npm tarball in dist/, with their sizes
	@rm -rf dist
	@$(with_tools); set -x; "$$tools/venv/bin/maturin" build --locked --release --strip --interpreter "$$PYO3_PYTHON" \
	    --manifest-path bindings-python/Cargo.toml --out dist
	@scripts/node-package dist release
	@scripts/check-dist dist

bench: ## measure the budgets that need a clock; fails when one is passed
	cargo bench --locked -p podrole --no-default-features --bench budgets
	@$(with_tools); scripts/python-bench
	@scripts/node-bench

doc: ## the documentation of the crates, in target/doc; a broken link is an error
	@$(with_tools); set -x; RUSTDOCFLAGS="-D warnings" cargo doc --locked $(everything) --no-deps

clean: ## remove what was built in the checkout (the cache of `setup` stays)
	cargo clean
	rm -rf dist bindings-node/node_modules
