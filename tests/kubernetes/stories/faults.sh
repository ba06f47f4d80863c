# What is killed in the middle of a run.
# shellcheck shell=bash

story_faults() {
    echo ' the operator is killed at each phase'
    local phase
    chat steady 25 | apply
    for phase in Starting Joining Running Collecting; do
        # A phase may be over before it is seen: then the next one has its turn.
        until_so 120 "the run is in $phase, or beyond" is_phase_or_later steady "$phase"
        kill_operator
        echo "  killed in $(status steady phase)"
    done
    complete steady
    same verdict pass "$(status steady verdict)"
    remove steady

    echo ' a peer pod is killed'
    chat lossy 25 | apply
    in_phase lossy Running
    k delete pod lossy-homes-1 --grace-period 0 --force >/dev/null 2>&1
    until_so 30 'it is named' names_lost_pod lossy lossy-homes-1
    echo "  $(message lossy Degraded)"
    complete lossy
    # Peers that never reported say nothing of what they saw.
    same verdict invalid "$(status lossy verdict)"
    # homes-1 had the last two of the six.
    [[ $(message lossy Degraded) == *'2 of 6 did not: peer 4 '*'peer 5 '* ]] || fail "the report names others: $(message lossy Degraded)"
    remove lossy

    echo ' the conductor is killed'
    chat headless 60 | apply
    in_phase headless Running
    k delete pod -l app.kubernetes.io/instance=headless,app.kubernetes.io/component=conductor --grace-period 0 --force >/dev/null 2>&1
    in_phase headless Failed 60
    same reason ConductorFailed "$(reason headless Failed)"
    until_so 60 'its peers are gone' no_peers headless
    remove headless

    echo ' a foreign edit'
    chat edited 25 | apply
    in_phase edited Running
    k patch service edited-conductor --type merge -p '{"spec": {"ports": [{"name": "peers", "port": 1, "targetPort": 1}]}}' >/dev/null
    until_so 30 'it is put back' is_put_back
    k delete networkpolicy edited-run >/dev/null
    until_so 30 'what was deleted is there again' k get networkpolicy edited-run
    complete edited
    remove edited

    echo ' deleted at each phase'
    for phase in Starting Joining Running Collecting Complete; do
        chat gone 8 | apply
        until_so 120 "the run is in $phase, or beyond" is_phase_or_later gone "$phase"
        echo "  deleted in $(status gone phase)"
        remove gone
    done
}

is_phase_or_later() {
    local phases=' Starting Joining Running Collecting Complete Failed' now
    now=$(status "$1" phase)
    [ -n "$now" ] && [[ "$2${phases#* "$2"}" == *"$now"* ]]
}

names_lost_pod() { [ "$(reason "$1" Degraded)" = PeerPodsLost ] && [[ $(message "$1" Degraded) == *"$2"* ]]; }
no_peers() { [ -z "$(k get pods -l "app.kubernetes.io/instance=$1,app.kubernetes.io/component=peers" -o name)" ]; }
is_put_back() { [ "$(k get service edited-conductor -o 'jsonpath={.spec.ports[*].port}')" = '4001 8080' ]; }
