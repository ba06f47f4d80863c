# Two operators, one lease; and an API server that is gone for a while.
# shellcheck shell=bash

story_standby() {
    install --set replicas=2,leaderElection.enabled=true
    until_so 60 'somebody has the lease' holder
    local first second
    first=$(holder)
    chat watched 25 | apply
    in_phase watched Running
    kubectl --namespace "$operator_namespace" delete pod "$first" --grace-period 0 --force >/dev/null 2>&1
    until_so 60 'another has it' is_another "$first"
    second=$(holder)
    echo "  $first, then $second"
    complete watched
    same verdict pass "$(status watched verdict)"
    remove watched
    install --set replicas=1,leaderElection.enabled=false
}

holder() {
    local name
    name=$(kubectl --namespace "$operator_namespace" get lease peerlab-operator -o 'jsonpath={.spec.holderIdentity}')
    [ -n "$name" ] && echo "$name"
}
is_another() {
    local now
    now=$(holder) && [ "$now" != "$1" ]
}
