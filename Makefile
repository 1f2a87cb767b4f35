# Weir: a mail filtering gateway. Bare `make` prints this help.
.DEFAULT_GOAL := help
.PHONY: help run build plugins generate test race lint behaviours bench fuzz crash powercut clean

GO      ?= go
BIN     := bin/weir
BUILTIN := gateway/internal/filter/builtin
PLUGINS := $(notdir $(patsubst %/manifest.json,%,$(wildcard plugins/*/manifest.json)))
WASM    := $(PLUGINS:%=$(BUILTIN)/%.wasm.gz)
SHARED  := attachments stall unlock# one program, plugins/inspectors, under three manifests
SCOPE   ?= 1-154# B-numbers of make behaviours
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
export CGO_ENABLED ?= 0

# Pinned tools, run from the module proxy without entering go.mod.
GOLANGCI    := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

help: ## print this help
	@echo "Weir. make run | test | ... :"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: build ## build all and run the gateway with config.hcl and a test destination beside it
	@$(BIN) sink --listen 127.0.0.1:2526 --maildir var/sink & sink=$$!; \
	trap 'kill $$sink 2>/dev/null' EXIT INT TERM; \
	$(BIN) serve --config config.hcl

build: plugins ## build bin/weir with the first-party plugins inside
	@mkdir -p bin
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./gateway

plugins: $(WASM) ## build the first-party plugins to WebAssembly

GUESTS := $(wildcard plugins/*/*.go plugins/internal/*/*.go plugins/internal/*/*/*.go sdk/*.go sdk/abi/*.go sdk/abi/*/*.go sdk/abi/*.schema)

$(BUILTIN)/%.wasm.gz: plugins/%/manifest.json $(GUESTS)
	$(GO) run ./sdk/cmd/weirpack -manifest plugins/$*/manifest.json -out $@ ./plugins/$*

$(SHARED:%=$(BUILTIN)/%.wasm.gz): $(BUILTIN)/%.wasm.gz: plugins/%/manifest.json bin/inspectors.wasm
	$(GO) run ./sdk/cmd/weirpack -manifest plugins/$*/manifest.json -module bin/inspectors.wasm -out $@ ./plugins/$*

bin/inspectors.wasm: $(GUESTS)
	@mkdir -p bin
	GOOS=wasip1 GOARCH=wasm $(GO) build -buildmode=c-shared -trimpath -ldflags "-s -w" -o $@ ./plugins/inspectors

generate: ## write generated files anew (codecs, HCL reference, OpenAPI)
	$(GO) generate ./...

test: plugins ## run every test that needs Go alone (others run where their programs are installed)
	$(GO) test -timeout 20m $(TESTFLAGS) ./...

race: plugins ## the tests of everything concurrent, under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 40m $$($(GO) list ./gateway/... ./sdk/... | grep -v -e filter/builtin -e filter/conformance) # these: one goroutine, much Wasm

lint: plugins ## formatting, vet (host and guests), golangci-lint, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt on these"; exit 1; }
	$(GO) vet ./...
	GOOS=wasip1 GOARCH=wasm $(GO) vet ./sdk ./sdk/abi ./plugins/...
	$(GOLANGCI) run ./...
	$(STATICCHECK) -checks all,-ST*,-QF* ./...

behaviours: plugins ## which tests show which behaviour (B-numbers), derived from go test -json
	@$(GO) run ./gateway/internal/behaviours -scope $(SCOPE)

bench: build ## Go benchmarks, then whole-program loads against Postfix where it is installed, BACKLOG queued (default 50000)
	$(GO) test -run '^$$' -bench . -benchtime 0.5s ./...
	$(GO) run ./gateway/internal/bench -weir $(BIN)
	$(GO) run ./gateway/internal/bench -weir $(BIN) -backlog $(or $(BACKLOG),50000)

fuzz: ## every fuzz target for FUZZTIME each (default 30s)
	@.ci/fuzz $(or $(FUZZTIME),30s)

crash: build ## end the loaded gateway at random moments, ROUNDS times (default 50): nothing acknowledged is lost
	$(GO) run ./gateway/internal/crash -weir $(BIN) -rounds $(or $(ROUNDS),50)

powercut: build ## power cuts by snapshots of a disk under load, ROUNDS times (default 20), and a full disk; needs root
	WEIR_CI=1 WEIR_BIN=$(abspath $(BIN)) WEIR_POWERCUT_ROUNDS=$(or $(ROUNDS),20) $(GO) test -count 1 -timeout 20m -v -run 'PowerCut|FullDisk' ./gateway/internal/crash

clean: ## remove what was built (never data)
	rm -rf bin $(BUILTIN)/*.wasm*
