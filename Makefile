.DEFAULT_GOAL := help
.PHONY: help init run page test chaos lint generate verify command event usecase build up roll down clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z ]+:.*## /{gsub(" ", "|", $$1); printf "  make %-22s %s\n", $$1, $$2}' Makefile

init: ## Make it yours: MODULE=your.domain/team/service NAME=service; EXAMPLE=drop for one without the chat
	@go run ./cmd/init -module "$$MODULE" -name "$$NAME" -example "$$EXAMPLE"

run: build ## Start one node on :8080, with an embedded Redis
	@CHECK_OUTPUTS=$${CHECK_OUTPUTS:-1} ./bin/server

page: web/dist/index.html ## Build the demo page, with Node.js; the next build of the service has it

web/dist/index.html: $(wildcard web/*.* web/src/* web/public/*) docs/contract/client.ts
	@cd web && npm ci --no-audit --no-fund --ignore-scripts && npm run build

test: ## Run all tests that this machine can run; the last line says which were left out
	@bash scripts/test.sh

chaos: ## Random faults on whole nodes: SEED=1 repeats a run, DURATION=10m is how long
	CHAOS_SEED=$(SEED) CHAOS_DURATION=$(DURATION) go test -race -timeout 24h -count 1 -v -run TestNemesis ./tests/faults

lint: ## Look for mistakes that tests do not find
	@go tool -modfile=tools.mod golangci-lint run ./...

generate: ## Write what is generated: wire_gen.go, docs/contract, docs/metrics.md, .env.example, the settings in README.md
	@go tool wire . ./internal/siotest/assemble
	@go run ./cmd/contract -update docs/contract
	@out="$$(go test ./internal/config ./internal/metrics -run Documents -update)" || { echo "$$out"; exit 1; }

verify: ## Fail if something generated is not up to date, or the contract breaks its clients
	@git rev-parse --verify --quiet HEAD >/dev/null || { echo 'nothing is committed to compare with: git init && git add -A && git commit' >&2; exit 1; }
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code

usecase event command: ## Begin a noun (NAME=board), an event of it (NAME=board.archived) or a command (NAME=board.archive)
	@go run ./cmd/scaffold $@ "$$NAME"
	@$(MAKE) --no-print-directory generate

build: ## Build bin/server, bin/yard (the operator's tool) and bin/loadgen
	@go build -o bin/ ./cmd/server ./cmd/yard ./cmd/loadgen

up: ## Start three nodes, Redis and a load balancer on :8080
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory page || echo "Without the demo page."; fi # no image here has Node.js
	docker compose up --build --wait

roll: ## Replace the nodes that run, one after the other, by the code as it is now
	@bash scripts/roll.sh

down: ## Stop them and forget their data
	docker compose down --volumes

clean: ## Delete what was built
	rm -rf bin web/dist/* tests/js/node_modules examples/emit/node_modules web/node_modules
