# make run     start the emulator
# make test    all checks: vet, staticcheck, gofmt, Go tests with the race detector, fuzzing, real clients, the image
# make bench   figures, in one run
# make clients-all   real clients, with those that take minutes to install

GO          ?= go
# Inputs for each fuzz target. Not seconds: a run that ends by time can fail with "context deadline exceeded".
FUZZTIME    ?= 10000x
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null)
VENV        := .tools/venv

.PHONY: run build test check unit fuzz clients clients-all image bench generate

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

# A short story, the ways to configure credentials, and what other programs do, against the built binary.
clients: build $(VENV)/ready .tools/python/ready clients/node_modules/ready clients/java/target/ready
	clients/run bin/emulator story.py story.sh story.mjs keys.sh organization.sh admin.sh providers.sh golang python encryption-sdk terraform terraform/iam

SLOW := ansible cloudsplaining custodian pmapper prowler

# With those that take minutes to install or build the first time.
clients-all: clients .tools/aws-iam-authenticator/ready .tools/sops/ready $(SLOW:%=.tools/%/ready)
	clients/run bin/emulator aws-iam-authenticator vault sops $(SLOW)

define venv
python3 -m venv $(@D)
$(@D)/bin/pip install --quiet --upgrade pip # an old one takes minutes to find what goes together
$(@D)/bin/pip install --quiet --requirement $<
touch $@
endef

$(VENV)/ready: clients/requirements.txt
	$(venv)

.tools/%/ready: clients/%/requirements.txt
	$(venv)

# Each program's version is in the file version, as go install has it.
.tools/aws-iam-authenticator/ready: clients/aws-iam-authenticator/version
.tools/sops/ready: clients/sops/version
.tools/aws-iam-authenticator/ready .tools/sops/ready:
	GOBIN=$(CURDIR)/$(@D)/bin $(GO) install $$(cat $<)
	touch $@

clients/node_modules/ready: clients/package.json clients/package-lock.json
	cd clients && npm ci --silent
	touch $@

# Java takes part where Maven is: without, the class path is empty.
clients/java/target/ready: clients/java/pom.xml $(wildcard clients/java/src/main/java/*.java)
	mkdir -p $(@D)
	: >$(@D)/classpath
	if command -v mvn >/dev/null; then cd clients/java && mvn --quiet --batch-mode package dependency:build-classpath -Dmdep.outputFile=target/classpath; fi
	touch $@

# The container image, where a builder is or can be installed.
image:
	.ci/image

bench:
	$(GO) run ./bench

generate:
	$(GO) generate ./...
