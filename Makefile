# The front door. Meson and ninja do the building; every target here is one line of intent.
# BUILD names the build folder, SETUP what meson is told when it makes one.

BUILD ?= build
SETUP ?= -Dwerror=true

.DEFAULT_GOAL := build
.NOTPARALLEL:

# gcc warns of things that only a sanitizer's own checks brought in; lint judges warnings.
# (Variables, because a comma would part the arguments of call.)
ASAN := -Dwerror=false -Db_sanitize=address,undefined
TSAN := -Dwerror=false -Db_sanitize=thread
COVER := -Dwerror=false -Db_coverage=true

# $(call compile,FOLDER,OPTIONS): a folder is configured once, then ninja keeps it true.
define compile
@test -f $(1)/build.ninja || meson setup $(1) $(2)
@ninja -C $(1)
endef

.PHONY: run
run: build ## build Ava and start the sandbox; prints one link to open (ARGS= for its flags)
	@$(BUILD)/ava sandbox $(ARGS)

.PHONY: build
build: web ## build the dashboard and the program; leaves build/ava
	$(call compile,$(BUILD),$(SETUP))

.PHONY: web
web: ## build the dashboard alone
	@tools/deps install build
	@tools/npm-ci
	@if [ -f web/build.mjs ]; then tools/node web/build.mjs; fi

# What only tests need from npm; before build, so that it is installed in one go.
.PHONY: packages
packages:
	@tools/deps install build
	@tools/npm-ci all

.PHONY: test
test: packages build ## run every test there is; closes with "N passed, N failed"
	@tools/deps install test
	@tools/test --build-dir $(BUILD)

.PHONY: lint
lint: web ## check format, warnings of two compilers, cppcheck, arrows, circles, lengths, forbidden calls
	@tools/deps install lint
	@tools/lint --build-dir $(BUILD)

.PHONY: tidy
tidy: web ## run clang-tidy over src (minutes; not part of lint)
	@tools/deps install lint
	@test -f build-clang/build.ninja || CC=clang meson setup build-clang $(SETUP)
	@ninja -C build-clang
	@run-clang-tidy -quiet -p build-clang "^$(CURDIR)/src/"

.PHONY: package
package: build ## make the Debian package; prints where it is
	@tools/deps install package
	@tools/package --build $(BUILD)

.PHONY: asan
asan: packages web ## unit tests on both databases, flow tests, peers `postgres` under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/deps install test
	$(call compile,build-asan,$(ASAN))
	@tools/test unit unit-postgres flow --build-dir build-asan
	@tools/test peers -k postgres --build-dir build-asan

.PHONY: tsan
tsan: packages web ## the same under ThreadSanitizer
	@tools/deps install test
	$(call compile,build-tsan,$(TSAN))
	@tools/test unit unit-postgres flow --build-dir build-tsan
	@tools/test peers -k postgres --build-dir build-tsan

.PHONY: yield
yield: packages web ## unit and flow tests where each read of the database lets others go first, as over a network (ONLY=word word)
	@tools/deps install test
	$(call compile,build-yield,-Dyield=true)
	@tools/test unit --build-dir build-yield
	@if [ -z "$(ONLY)" ]; then tools/test flow --build-dir build-yield; \
	else for word in $(ONLY); do tools/test flow -k $$word --build-dir build-yield || exit 1; done; fi

.PHONY: yield-tsan
yield-tsan: packages web ## the same under ThreadSanitizer
	@tools/deps install test
	$(call compile,build-yield-tsan,-Dyield=true $(TSAN))
	@tools/test unit flow --build-dir build-yield-tsan

.PHONY: postgres
postgres: packages build ## flow tests where each Ava keeps its data in PostgreSQL (ONLY=word word)
	@tools/deps install test
	@if [ -z "$(ONLY)" ]; then tools/test flow --postgres --build-dir $(BUILD); \
	else for word in $(ONLY); do tools/test flow -k $$word --postgres --build-dir $(BUILD) || exit 1; done; fi

.PHONY: fuzz
fuzz: web ## look for trouble in every parser of outside bytes (FUZZ_SECONDS=30 for each)
	@tools/deps install lint
	@tools/fuzz

.PHONY: smoke
smoke: build ## the shortest proof: ops/smoke at a sandbox, with a setting and a signed webhook
	@ops/smoke --sandbox $(BUILD)/ava

.PHONY: e2e
e2e: packages build ## whole journeys: over sockets and in real browsers
	@tools/deps install test
	@tools/test flow browser --build-dir $(BUILD)

.PHONY: peers
peers: packages build ## the providers' own SDKs and Prism with their contracts
	@tools/deps install test
	@tools/test peers --build-dir $(BUILD)

.PHONY: soak
soak: packages build ## the long proofs: kill -9 and restarts under load, outages, hangs and abuse for minutes
	@tools/deps install test soak
	@TEST_KILLS=100 tools/test flow -k crash --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k drain --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k systemd --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k survive --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k once --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k answered --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k lines_kill --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k timeline --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k forwarded --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k variants --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test browser -k live --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k traffic --slower 60 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k owner --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k starved --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k removed --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k bystander --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k one_effect --slower 3 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k retention --slower 9 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k failing --slower 60 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test flow -k email --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test tools -k package --slower 9 --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test unit -k vapi_auth --build-dir $(BUILD)
	@TEST_SOAK=1 tools/test histories --slower 3 --build-dir $(BUILD)

.PHONY: bench
bench: packages build ## measure against nginx, HAProxy, FastAPI, Node and SQLite in the same run (ARGS=)
	@tools/deps install bench
	@tools/bench --build $(BUILD) $(ARGS)

.PHONY: bench-web
bench-web: packages build ## hold the dashboard's loading times against their limits
	@tools/deps install test
	@TEST_TIMES=1 tools/test browser -k speed --build-dir $(BUILD)

.PHONY: cover
cover: web ## how many lines of src the unit tests, on both databases, and flow tests reach, file by file
	@tools/deps install test
	$(call compile,build-cover,$(COVER))
	@find build-cover -name '*.gcda' -delete
	@tools/test unit unit-postgres flow --build-dir build-cover
	@tools/cover build-cover

.PHONY: clean
clean: ## remove everything that was built
	@rm -rf build build-*

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
