# All that is done with this project; `make help` lists it.

SHELL := bash
export TEXT
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

target := $(or $(CARGO_TARGET_DIR),target)
stack := $(target)/debug/stack
venv := target/local

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

# ── The local stack ───────────────────────────────────────────────────────────────────────────

.PHONY: build
build:
	@echo "building the functions …"
	cargo build --locked --workspace --bins

.PHONY: run
run: build ## Run everything on this machine: PORT=4566 DETACH=1 PARAMETERS="Name=value …" CXONE_BASE_URL= CXONE_CLIENT_ID= CXONE_CLIENT_SECRET= TICKETING_URL= SOCIAL_REFRESH_URL=
	@$(stack) run

.PHONY: send
send: build ## Send a message through the running stack: TEXT="…", or the tutorial's
	@$(stack) send

.PHONY: scenario
scenario: ## Run a file of traffic and judge what came out: FILE=scenarios/moods.json, URL= and SIMULATOR_KEY= for a stack on AWS
	@cargo build --quiet --locked -p scenario
	@$(target)/debug/scenario "$(FILE)" $(if $(URL),--url "$(URL)")

.PHONY: stop
stop: ## End what `make run DETACH=1` started
	@if [ -x $(stack) ]; then $(stack) stop; else echo "no local stack was ever built"; fi

# ── What an operator asks ──────────────────────────────────────────────────────────────────────
# Of the local stack, or with STACK=name (and PROFILE=name) of one on AWS.

operate = $(target)/debug/operator $(if $(STACK),--stack "$(STACK)") $(if $(PROFILE),--profile "$(PROFILE)")

.PHONY: tools
tools:
	@cargo build --quiet --locked --workspace --bins

.PHONY: doctor interaction parked send-back pause resume forget platform-add tokens rotate rules rules-put sla explain
doctor: tools ## Whether credentials, registration, tokens, queues and rules are well
	@$(operate) doctor
interaction: tools ## Where an interaction is: ID=
	@$(operate) interaction "$(ID)"
parked: tools ## What is parked, with reasons: STAGE=routing|ticketing
	@$(operate) parked $(if $(STAGE),--stage "$(STAGE)")
send-back: tools ## Send parked interactions back: ALL=1, REASON= or ID=
	@$(operate) send-back $(if $(ALL),--all) $(if $(REASON),--reason "$(REASON)") $(if $(ID),--id "$(ID)")
pause: tools ## Hold routing; nothing is lost
	@$(operate) pause
resume: tools ## Let routing go on
	@$(operate) resume
forget: tools ## Erase a contact: CONTACT=
	@$(operate) forget "$(CONTACT)"
platform-add: tools ## Add a social platform: NAME= FILE=
	@$(operate) platform-add "$(NAME)" "$(FILE)"
tokens: tools ## The tokens' states
	@$(operate) tokens
rotate: tools ## Rotate a token now: NAME=facebook|cxone|signing-secret|…
	@$(operate) rotate "$(NAME)"
rules: tools ## The routing rules in force
	@$(operate) rules
rules-put: tools ## Check a rules file and put it: FILE= (CHECK=1 only checks)
	@$(operate) rules-put "$(FILE)" $(if $(CHECK),--check)
sla: tools ## What customers waited: a table, and target/sla.svg
	@$(operate) sla $(ARGS)
explain: tools ## The score of a text, word by word, with its rule and skills: TEXT="…" or ARGS="--labelled FILE"
	@$(target)/debug/explain $(ARGS) $(if $(TEXT),"$$TEXT")

# A function alone, with an event of events/, against the running local stack.
function = $(shell echo $(1) | sed -E 's/(^|-)([a-z])/\U\2/g')Function

.PHONY: invoke sam-invoke
invoke: tools $(venv)/sam/ready ## `cargo lambda invoke` of one function: NAME=ingest EVENT=events/webhook.json
	@PATH="$(abspath $(venv)/sam/bin):$$PATH" .ci/cargo-lambda-invoke "$(NAME)" $(call function,$(NAME)) "$(EVENT)" $(target)/debug/operator
sam-invoke: tools $(venv)/sam/ready ## The same with `sam local invoke`, in Docker, after `make sam-build`
	@PATH="$(abspath $(venv)/sam/bin):$$PATH" .ci/sam-local-invoke $(call function,$(NAME)) "$(EVENT)" sam $(target)/debug/operator

# ── Tests ─────────────────────────────────────────────────────────────────────────────────────

cargo_deny := $(target)/tools/cargo-deny-0.20.2/bin/cargo-deny

.PHONY: test
test: $(cargo_deny) ## Format, lints, licences, unit and end-to-end tests
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(cargo_deny) check licenses bans sources
	cargo build --locked --workspace --bins
	cargo test --locked --workspace

# Unoptimised: it is built once and runs for two seconds.
$(cargo_deny):
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --no-default-features --version 0.20.2 --root $(target)/tools/cargo-deny-0.20.2 cargo-deny

cyclonedx := $(target)/tools/cargo-cyclonedx-0.5.9/bin/cargo-cyclonedx
sbom := --format json --spec-version 1.5 --describe binaries --no-build-deps --target x86_64-unknown-linux-gnu

# It writes beside each binary's Cargo.toml. The time is the commit's, so that a second run gives the
# same files.
.PHONY: sbom
sbom: $(cyclonedx) ## What each function is built of, as CycloneDX, into target/sbom
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(cyclonedx) cyclonedx --quiet $(sbom)
	mkdir -p $(target)/sbom
	mv functions/*/*_bin.cdx.json $(target)/sbom
	rm tools/*/*_bin.cdx.json tests/*/*_bin.cdx.json

$(cyclonedx):
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --version 0.5.9 --root $(target)/tools/cargo-cyclonedx-0.5.9 cargo-cyclonedx

.PHONY: check
check: test template long parity browser sbom sam readme ## All of `make test`, and the template's linters, the long scenarios, the browser's, the README's commands, the bill of materials, `sam build` and `sam deploy`

.PHONY: long
long: ## The end-to-end scenarios that take minutes
	cargo build --locked --workspace --bins
	cargo test --locked --workspace --test e2e -- --ignored --skip ten_thousand

.PHONY: ten-thousand
ten-thousand: ## Ten thousand redelivered interactions counted once, and their percentiles; a quarter of an hour
	cargo build --locked --workspace --bins
	cargo test --locked --workspace --test e2e -- --ignored ten_thousand

.PHONY: readme
readme: tools sam-build ## Every command of the README that can run here, against a stack started for it: PORT=4566
	.ci/readme $(PORT)

# Everything but the browser's crate is checked without the feature, which takes a minute to build.
.PHONY: browser screenshots
browser: ## The simulator's page in a headless Chromium
	@[ -n "$(CHROME)" ] || command -v chromium chromium-browser google-chrome-stable >/dev/null || { echo "this needs Chromium: install the package chromium, or name one with CHROME=" >&2; exit 1; }
	cargo clippy --locked -p browser --features chromium --all-targets -- -D warnings
	cargo build --locked --workspace --bins
	cargo test --locked -p browser --features chromium
screenshots: ## The same, and its pictures into docs/screenshots
	SCREENSHOTS="$(CURDIR)/docs/screenshots" $(MAKE) browser

.PHONY: cost
cost: sam-build ## What an interaction asks of AWS, counted and priced: the tables of docs/cost.md
	cargo build --locked --workspace --bins
	METER="$(abspath $(venv))/meter.jsonl" BINARIES="$(abspath $(target))/lambda" $(target)/debug/cost

# ── Sentiment against the reference ───────────────────────────────────────────────────────────

COUNT ?= 100000
SEED ?= 1

.PHONY: parity
parity: $(venv)/sentiment/ready ## Compare the scorer with the reference on generated texts: COUNT=100000 SEED=1
	$(venv)/sentiment/bin/python common/sentiment/parity/generate.py $(COUNT) $(SEED) >$(target)/parity.jsonl
	PARITY_TEXTS="$(abspath $(target))/parity.jsonl" cargo test --locked -p sentiment --test parity -- --ignored --nocapture

.PHONY: bench-sentiment
bench-sentiment: $(venv)/sentiment/ready ## The scorer beside two other crates, Python's VADER and TextBlob
	CRITERION_HOME="$(abspath $(target))/bench-against/criterion" cargo bench --manifest-path common/sentiment/bench-against/Cargo.toml --target-dir $(target)/bench-against --bench scorers
	$(venv)/sentiment/bin/python common/sentiment/bench-against/table.py $(target)/bench-against/criterion

.PHONY: fuzz
fuzz: ## Half a million generated bodies against ingest: CASES=500000
	PROPTEST_CASES=$(or $(CASES),500000) cargo test --locked --workspace --test it hostile

# ── The template ──────────────────────────────────────────────────────────────────────────────

.PHONY: template
template: $(venv)/sam/ready $(venv)/checkov/ready ## The template's linters: cfn-lint, sam validate, checkov
	$(venv)/sam/bin/cfn-lint template.yaml
	$(sam) validate --lint
	$(venv)/checkov/bin/checkov --quiet --compact --config-file .ci/checkov.yaml --file template.yaml

# A virtual environment for each tool, with everything pinned.
$(venv)/%/ready: .ci/%.txt
	rm -rf $(@D)
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	touch $@

# ── SAM ───────────────────────────────────────────────────────────────────────────────────────

sam_env := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 PATH="$(abspath $(venv)/sam/bin):$$PATH"
sam := $(sam_env) sam

.PHONY: sam-build
sam-build: $(venv)/sam/ready ## Build the functions for AWS
	$(sam) build

.PHONY: sam
sam: sam-build ## `sam build`, then `sam deploy` to a local stack started for it
	$(sam_env) $(venv)/sam/bin/python .ci/sam_deploy.py $(stack) target/local/sam-stack
