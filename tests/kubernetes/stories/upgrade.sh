# An upgrade and a rollback in the middle of a run, which goes on; and the chart's own test.
# shellcheck shell=bash

story_upgrade() {
    # Long enough for both, on a slow machine.
    chat lasting 75 | apply
    in_phase lasting Running
    local pods
    pods=$(k get pods -o name | sort)
    install --set pods.costPerPeer.millicpu=6,pods.costPerPeer.mebibytes=3
    same 'the pods of the run' "$pods" "$(k get pods -o name | sort)" >/dev/null
    helm rollback peerlab --namespace "$operator_namespace" --wait >/dev/null
    same 'the pods of the run' "$pods" "$(k get pods -o name | sort)" >/dev/null
    complete lasting
    same verdict pass "$(status lasting verdict)"
    remove lasting
    helm test peerlab --namespace "$operator_namespace" --timeout 5m | grep -A4 "TEST SUITE" | tail -n 4
}
