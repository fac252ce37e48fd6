# make run     start the emulator
# make test    all checks: vet, staticcheck, gofmt, Go tests with the race detector, fuzzing, real clients, the image
# make bench   figures, in one run

GO          ?= go
# Inputs for each fuzz target. Not seconds: a run that ends by time can fail with "context deadline exceeded".
FUZZTIME    ?= 10000x
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null)
VENV        := .tools/venv

.PHONY: run build test check unit fuzz clients image bench generate

run:
	$(GO) run ./cmd/emulator

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/emulator ./cmd/emulator

test: check unit fuzz clients image

check:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not gofmt-ed: $$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) -checks inherit,-SA1019 ./... # AWS still answers with what it deprecated

unit:
	$(GO) test -race ./...

# Each fuzz target for a few seconds (FUZZTIME=1000000x for minutes).
fuzz:
	@set -e; for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$package; \
	  done; done

# A short story, and the ways to configure credentials, through other SDKs and the AWS CLI against the built binary.
clients: build $(VENV)/ready clients/node_modules/ready
	clients/run bin/emulator $(VENV)/bin

$(VENV)/ready: clients/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement clients/requirements.txt
	touch $@

clients/node_modules/ready: clients/package.json clients/package-lock.json
	cd clients && npm ci --silent
	touch $@

# The container image, where a builder is or can be installed.
image:
	.ci/image

bench:
	$(GO) run ./bench

generate:
	$(GO) generate ./...
