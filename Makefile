# make test is what CI runs. On a bare Debian machine with Go, git and root it installs and starts what it needs.

SHELL := /bin/sh
# VERSION and the like are given below; asking git again fails where another user owns the working tree. One setting for all
# that is built: what differs in it is compiled again, and client-go takes minutes. Only the race detector needs cgo.
export GOFLAGS := -buildvcs=false -trimpath
export CGO_ENABLED := 0
RACE := CGO_ENABLED=1 go test -race

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
CLI     := github.com/alienplatform/alien-go/internal/cli
LDFLAGS := -s -w -X $(CLI).version=$(VERSION) -X $(CLI).commit=$(COMMIT) -X $(CLI).date=$(DATE)

# Our code differs between systems, not between processors: one of each is compiled on every change, all of them by a release.
TARGETS := darwin/arm64 windows/amd64
MODULES := . test/bench
FUZZTIME ?= 20s

.PHONY: build
build: ## bin/alien for this machine
	go build -ldflags '$(LDFLAGS)' -o bin/alien ./cmd/alien

.PHONY: test
test: engine race ## everything CI checks
	@$(MAKE) --no-print-directory -j2 unit beside
	@echo 'make test: all passed'

# The tests wait more than they compute: what takes a processor goes beside them, and makes way for them.
.PHONY: beside
beside:
	@nice $(MAKE) --no-print-directory lint build
	@$(MAKE) --no-print-directory bench-smoke cost
	@nice $(MAKE) --no-print-directory cross release-check

.PHONY: unit
unit: engine race ## all tests, with the race detector; a test that lacks its engine fails
	CI=true $(RACE) -timeout 40m -skip '$(ON_CLUSTER)' ./...
	go -C test/bench test ./...

# The tests of this name need a cluster: KUBECONFIG's, or the one of make cluster. Without one they are skipped, and fail where
# CI is set. They are one run, of few at a time: all of them load the same node, and some stop parts of it.
ON_CLUSTER := ^Test(Kubernetes|Cluster)
.PHONY: test-cluster
test-cluster: cluster race ## the tests that need a Kubernetes cluster; not part of make test yet
	CI=true $(RACE) -p 1 -parallel 4 -timeout 40m -run '$(ON_CLUSTER)' ./internal/conformance ./internal/testbed

.PHONY: format
format:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "gofmt these: $$files"; exit 1; }

.PHONY: lint
lint: bin/staticcheck format ## gofmt, go vet, staticcheck
	@set -e; for m in $(MODULES); do \
		echo "vet and staticcheck: $$m"; \
		(cd $$m && go vet ./... && $(CURDIR)/bin/staticcheck ./...); \
	done

bin/staticcheck: test/tools/go.mod
	go -C test/tools build -o $(CURDIR)/bin/staticcheck honnef.co/go/tools/cmd/staticcheck

.PHONY: cross
cross: ## compiles for every other system we release for
	@set -e; for t in $(TARGETS); do \
		echo "build: $$t"; \
		GOOS=$${t%/*} GOARCH=$${t#*/} go build -o /dev/null ./cmd/alien; \
	done

.PHONY: engine
engine: ## a Docker engine that answers
	@go run ./test/engine

K8S     := v1.34.4
K8SVARS := k8s.io/component-base/version
.PHONY: cluster
cluster: bin/cluster ## a Kubernetes cluster of one node that answers
	@bin/cluster up

bin/cluster: $(wildcard test/cluster/*.go test/cluster/*/*.go) test/cluster/go.mod
	go -C test/cluster build -o $(CURDIR)/bin/cluster \
		-ldflags '-s -w -X $(K8SVARS).gitVersion=$(K8S) -X $(K8SVARS).gitMajor=1 -X $(K8SVARS).gitMinor=34' .

.PHONY: race
race: # the race detector needs a C compiler
	@command -v gcc >/dev/null || { \
		echo 'race: installing gcc, which the race detector needs'; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends gcc libc6-dev; }

.PHONY: docs
docs: ## writes docs/ from the code
	go run ./internal/docsgen docs

.PHONY: demo
demo: build ## the main job, from preflight to down, on an example stack; without Docker the process runtime does it
	examples/demo/run.sh

BENCHES := docker process commands kubernetes scale
# What make test shows to work, without the peers. The others need a cluster.
SMOKES  := docker process commands
BENCH_docker     := -compose bin/docker-compose
BENCH_process    := -compose bin/docker-compose
BENCH_kubernetes := -kubectl bin/kubectl -helm bin/helm
BENCH_scale      := -kubeconfig $$(bin/cluster kubeconfig)

# Programs to measure against are built before the benchmark that needs them.
bench-docker bench-process: bin/docker-compose
bench-kubernetes: bin/kubectl bin/helm cluster
bench-scale: cluster

.PHONY: bench
bench: $(BENCHES:%=bench-%) ## every benchmark: docs/benchmarks.md and the pages below it

.PHONY: $(BENCHES:%=bench-%)
$(BENCHES:%=bench-%): bench-%: build engine ## one benchmark, as bench-docker
	go -C test/bench build -o $(CURDIR)/bin/bench-$* ./$*
	bin/bench-$* -docs docs $(BENCH_$*)

.PHONY: bench-smoke
bench-smoke: build engine # every benchmark, as small as it goes, without its peers
	@set -e; for b in $(SMOKES); do \
		echo "bench: $$b"; \
		go -C test/bench build -o $(CURDIR)/bin/bench-$$b ./$$b; \
		bin/bench-$$b -smoke >/dev/null; \
	done

bin/docker-compose: test/compose/go.mod
	go -C test/compose build -ldflags '-s -w -X github.com/docker/compose/v5/internal.Version=v5.6.0' -o $(CURDIR)/bin/docker-compose github.com/docker/compose/v5/cmd

bin/kubectl: test/kubectl/go.mod test/kubectl/main.go
	go -C test/kubectl build -o $(CURDIR)/bin/kubectl \
		-ldflags '-s -w -X $(K8SVARS).gitVersion=$(K8S) -X $(K8SVARS).gitMajor=1 -X $(K8SVARS).gitMinor=34' .

bin/helm: test/helm/go.mod
	go -C test/helm build -ldflags '-s -w -X helm.sh/helm/v3/internal/version.version=v3.19.0' -o $(CURDIR)/bin/helm helm.sh/helm/v3/cmd/helm

.PHONY: cost
cost: # memory means nothing with the race detector
	go test -count=1 -run '^TestCost$$' ./internal/local/process/supervisor

SOAKTIME ?= 10m
.PHONY: soak
soak: ## for SOAKTIME: a hundred daemons of the process runtime, a third of which crash, under a supervisor that is killed
	go test -tags soak -run '^TestSoak$$' -v -timeout 1h ./internal/local/process/supervisor -soak $(SOAKTIME)

.PHONY: fuzz
fuzz: ## each fuzz test for FUZZTIME
	@set -e; for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
			echo "fuzz: $$name in $$(dirname $$f)"; \
			go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) ./$$(dirname $$f); \
		done; \
	done

.PHONY: release-check
release-check: bin/goreleaser ## goreleaser's own check of goreleaser.yaml
	bin/goreleaser check

.PHONY: snapshot
snapshot: bin/goreleaser ## everything a release has, in dist/, without publishing it
	bin/goreleaser release --snapshot --clean --skip=sbom

bin/goreleaser: test/goreleaser/go.mod
	go -C test/goreleaser build -o $(CURDIR)/bin/goreleaser github.com/goreleaser/goreleaser/v2

.PHONY: clean
clean:
	rm -rf bin dist

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
