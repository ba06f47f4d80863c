# An API server that is started again in the middle of a run. Only on the cluster of tests/cluster.
# shellcheck shell=bash

story_outage() {
    chat through 25 | apply
    in_phase through Running
    "$root/tests/cluster/cluster" restart apiserver >/dev/null
    complete through
    same verdict pass "$(status through verdict)"
    remove through
}
