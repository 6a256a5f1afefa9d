# Every target is one line over a script with named stages.
.PHONY: demo test bench run docs
.DEFAULT_GOAL := test

demo: ; @scripts/demo
test: ; @scripts/test
bench: ; @scripts/bench
run: ; @scripts/run
docs: ; @scripts/docs
