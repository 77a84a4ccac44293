# The few commands there are. `make` lists them; NODES=1 uses the machine's own Docker engine as the only node.
NODES ?= 3
export NODES
node := node_modules/.bin/node

.PHONY: help setup doctor demo down purge status test agree bench bench-placements bench-restart bench-scheduler bench-rollout bench-elb

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install what is missing on this machine, and say what
	@infra/setup/setup

doctor: ## show what is there and what is missing, changing nothing
	@infra/setup/setup --check

demo: setup ## from nothing to requests answered by three containers on three nodes
	@$(node) infra/local/src/demo-main.ts

down: ## end the demo and remove its containers, namespaces, links and rules; its data stays
	@if [ -x $(node) ]; then $(node) infra/local/src/demo-main.ts down; fi

purge: ## end the demo and remove all its data too
	@if [ -x $(node) ]; then $(node) infra/local/src/demo-main.ts purge; fi

status: ## what of the demo runs
	@$(node) infra/local/src/demo-main.ts status

test: ## install what is missing and run every check there is (root, about 12 minutes on 2 cores)
	@infra/setup/setup --tests
	@$(node) test/run.ts

agree: ## compare both matchers of routing rules on 200,000 random requests (about 5 minutes; `make test` takes 10,000)
	@ERU_AGREEMENT_CASES=100000 node_modules/.bin/vitest run --project nginx services/router-sync/src/agreement

bench: ## how long commands, deployments and routing take, against plain calls in the same run (root)
	@$(node) test/bench/commands.ts
	@infra/rig/rig world $(node) test/bench/deploy.ts

bench-placements: ## durable placements a second on 5,000 simulated nodes: a million while agents rest, 100,000 beside agents
	@$(node) test/bench/durable.ts 5000 1000 1000 60000-120000 resting
	@$(node) test/bench/durable.ts 5000 1000 100 60000-120000 working

bench-restart: ## how long a scheduler takes to start on a log of a million placements, with and without a snapshot
	@$(node) test/bench/restart.ts 5000 1000 1000

bench-scheduler: ## how fast and how well the scheduler plans, beside the figures of Eru, Nomad and Kubernetes
	@$(node) test/bench/scheduler.ts

bench-rollout: ## create, update and a lost node, against Docker Swarm and plain engine calls in the same run (root)
	@infra/rig/rig world $(node) test/bench/rollout.ts

bench-elb: ## the load balancer against static nginx and HAProxy in the same run: processor time, changes, size (root)
	@infra/setup/setup --bench
	@$(node) test/bench/elb.ts
