# Everything that is done with this project, each by one word. The first two do all their set-up themselves.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: help demo test setup format lint deny doc unit fuzz-seeds bench release-pgo bench-parts guard guard-decision guard-edge guard-accept fuzz heavy faults capacity-check capacity-costs system-calls rules systemd operations test-apps page conformance geoip golden clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: setup ## Run an edge, three regions of sample apps and live visitors, on this machine
	$(CARGO) run -- demo

test: setup format lint deny doc fuzz-seeds unit guard-decision rules systemd ## Run every check and every test

setup:
	@scripts/setup.sh build

format: ## Check the format
	$(CARGO) fmt --check

lint: ## Run clippy on everything, with and without the running edge
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features --lib -- -D warnings

deny: ## Check licences, sources and bans of what is linked in
	@scripts/deny.sh

doc: ## Build the API's documentation; a warning is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

unit: ## Run the tests
	@scripts/setup.sh tests
	$(CARGO) test --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --no-fail-fast; \
	else $(CARGO) test --no-fail-fast; fi

rules: ## Check and test the alert rules with promtool
	@scripts/setup.sh tests
	@if command -v promtool >/dev/null; \
	then promtool check rules conf/prometheus/rules/*.yaml && promtool test rules conf/prometheus/tests/*.yaml; \
	else echo "promtool is missing: the alert rules were not tested"; fi

systemd: ## Check the systemd units, and how much of the machine an edge could reach
	@scripts/systemd.sh

operations: rules systemd ## Also run every query of every dashboard, and an edge in the file system of the image
	@scripts/setup.sh operations
	@CARGO="$(CARGO)" tests/operations/run.sh

fuzz-seeds: ## Build the fuzz targets and run them on their seeds
	$(CARGO) test --manifest-path fuzz/Cargo.toml

bench: ## Measure this proxy beside nginx, HAProxy and Envoy, write it into docs/performance.md; SHEETS names some, BENCH has further options
	@scripts/setup.sh bench
	$(CARGO) bench --bench peers -- run $(SHEETS) --page docs/performance.md $(BENCH)

release-pgo: ## Build the release with what a run under load tells the compiler; takes two builds. Needs LLVM's profdata
	@CARGO="$(CARGO)" scripts/release-pgo.sh

bench-parts: ## Measure decision, choice of a server, cookies and places by themselves
	$(CARGO) bench --no-default-features

guard: guard-decision guard-edge ## Count the instructions that a request takes; fails where they have grown. Needs valgrind

guard-decision: ## The same of the decision alone
	@scripts/setup.sh guard
	$(CARGO) bench --no-default-features --bench guard $(GUARD)

guard-edge: ## The same of the edge: heads and forwarding
	@scripts/setup.sh guard
	$(CARGO) bench --profile heavy --bench guard_edge $(GUARD)

guard-accept: ## Take what `make guard` counts now for what it has to be: look at the difference before you keep it
	$(MAKE) guard GUARD="-- --accept"

fuzz: ## Fuzz each target for SECONDS (default 60); needs a nightly toolchain and cargo-fuzz
	@scripts/fuzz.sh $(or $(SECONDS_EACH),60)

heavy: ## Run what takes long: edits, hand-overs and attacks under load, 2 GiB bodies, 10,000 connections; prints its figures
	@scripts/setup.sh heavy
	$(CARGO) test --profile heavy --test heavy -- --ignored --nocapture --test-threads=1

faults: ## Make servers, networks and DNS fail, measure what visitors notice, write docs/faults.md; SCENARIOS names some, SOAK=1h adds it
	@scripts/setup.sh faults
	$(CARGO) test --profile heavy --test faults -- run $(SCENARIOS) $(if $(SOAK),--soak $(SOAK)) $(FAULTS)

capacity-check: setup ## Hold what the model of capacity says against real edges, one storm included; COSTS names a file of costs, else they are measured
	$(CARGO) test --profile heavy --test capacity -- check $(if $(COSTS),--costs $(COSTS)) $(CAPACITY)

capacity-costs: setup ## Measure what things cost an edge on this machine, into OUT (target/costs.json): homeward capacity --costs reads it
	$(CARGO) test --profile heavy --test capacity -- measure --out $(abspath $(or $(OUT),target/costs.json)) $(CAPACITY)

system-calls: setup ## Check that the systemd unit allows every system call of an edge; needs strace
	@scripts/system-calls.sh

test-apps: setup ## Run real apps behind edges that mint their session keys: Express, Flask, axum; curl and Chromium visit them
	@scripts/setup.sh apps
	@CARGO="$(CARGO)" tests/apps/run.sh

page: setup ## Open the status page in Chromium: live, drained, by keyboard, without scripts, on a phone, under axe-core
	@scripts/setup.sh page
	@CARGO="$(CARGO)" tests/page/run.sh

conformance: setup ## Run suites that others wrote against edges; SUITES names some, STREAMS says how many streams (20000)
	@scripts/setup.sh conformance
	@CARGO="$(CARGO)" tests/conformance/run.sh $(SUITES)

geoip: ## Install a current city database (DB-IP city lite, CC BY 4.0) into geoip/
	@geoip/install-city.sh

golden: ## Write the golden files anew: look at the difference before you keep it
	UPDATE_GOLDEN=1 $(CARGO) test

clean: ## Remove what was built
	$(CARGO) clean
