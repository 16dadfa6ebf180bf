# weir: what there is to make. Everything needs Go and a C compiler; test and bench also use Java and Maven.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: build test test-fast lint fmt fuzz conformance bench bench-quick demo guard man

build: ## bin/weir
	$(GO) build -trimpath -ldflags "-X weir/cmd/internal/cli.Version=$(VERSION)" -o bin/weir ./cmd/weir

test: ## all tests, those on real Kafka and real Flink too where Java and Maven are there
	$(GO) test -count=1 -timeout 45m ./...

test-fast: ## without real Kafka and without real Flink
	WEIR_NO_JAVA=1 $(GO) test -short ./...

conformance: ## the corpus on real Flink; writes its results and the table of docs/compatibility.md, then holds weir against them
	WEIR_FLINK=1 $(GO) test -count=1 -timeout 90m ./conformance -run TestFlink -rewrite
	$(GO) test -count=1 ./conformance -run TestTable -rewrite
	$(GO) test -count=1 ./conformance -run TestCorpus -all-modes
	git diff --stat -- conformance docs/compatibility.md

lint: ## vet, gofmt and staticcheck
	$(GO) vet ./...
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

fmt:
	gofmt -w .

bench: ## weir beside Flink, Kafka Streams and a bare librdkafka loop on real Kafka, 40 minutes; writes docs/benchmarks.md
	$(GO) run ./bench

bench-quick: ## weir and the bare loop alone, a million records, one round; writes nothing
	$(GO) run ./bench -quick

demo: ## kill -9 on the embedded broker
	$(GO) run ./cmd/weir demo

man: build ## manual pages of all verbs, in bin/man
	bin/weir docs man bin/man

fuzz: ## half a minute a target
	./.ci/fuzz 30s

guard: ## benchmarks of this tree beside those of the merge base
	./.ci/guard
