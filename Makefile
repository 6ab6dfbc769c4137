# For those who come by. `.ci/run` has every check by its name; what the targets need is found, or installed, by `scripts/requirements`.

CARGO ?= cargo
ARGS ?=

.PHONY: help demo test history history-mutants failover freshness poolers demo-compose test-compose check

help: ## what there is (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: ## a primary, two replicas, Redis and the example on top; ARGS="--help" says what it takes
	@scripts/requirements
	$(CARGO) run --package example-app -- $(ARGS)

test: ## every test, those against real servers too; ARGS="routing" runs those with that in their name
	@scripts/requirements
	@scripts/requirements pgbouncer haproxy || echo "going on; the tests that need them say that they are skipped"
	$(CARGO) test --workspace $(ARGS)

history: ## sessions under failovers, pause, kill, freeze, cut and crash, and what each had to see; ARGS="--seed 7" repeats the pressure
	@scripts/requirements
	$(CARGO) run --package manifold-tests --bin history -- $(ARGS)

history-mutants: ## the same for a core that makes a mistake, one after the other, and whether it shows; ARGS="--only NAME"
	@scripts/requirements
	$(CARGO) run --package manifold-tests --bin history -- --mutants $(ARGS)

failover: ## the primary is killed under load and a replica promoted: what writers and readers notice; ARGS="20" fails over so often
	@scripts/requirements
	$(CARGO) run --package manifold-tests --bin failover -- $(ARGS)

freshness: ## what exact reads cost: own writes read back, reads beside 100 writes a second; ARGS="500" writes less
	@scripts/requirements
	$(CARGO) run --release --package manifold-tests --bin freshness -- $(ARGS)

poolers: ## two writers and eight readers through PgBouncer and HAProxy for a minute; ARGS="5" takes seconds
	@scripts/requirements pgbouncer haproxy
	$(CARGO) run --package manifold-tests --bin poolers -- $(ARGS)

demo-compose: ## the same in containers, the example included, http://127.0.0.1:5291
	@scripts/requirements docker
	@compose/cluster up demo
	@compose/cluster logs example

test-compose: ## the suite against the cluster in containers; ARGS="routing" runs those with that in their name
	@scripts/requirements cargo cc make postgres docker
	@scripts/test-compose $(ARGS)

check: ## all that needs no servers: format, lints, documentation, features, packages, dependencies
	@.ci/run fmt duplicates deny lint doc features package
