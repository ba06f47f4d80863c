# Again, suspended, changed.
# shellcheck shell=bash

story_rerun() {
    chat again 8 4 '{peersPerPod: 10, history: 1}' | apply
    complete again
    local told
    if told=$(k patch scenario again --type merge -p '{"spec": {"duration": "9s"}}' 2>&1); then
        fail 'a run is of the scenario as it began'
    fi
    grep -q 'set another spec.cluster.runId' <<<"$told" || fail "told is: $told"
    for run in second third; do
        k patch scenario again --type merge -p "{\"spec\": {\"duration\": \"9s\", \"cluster\": {\"runId\": \"$run\"}}}" >/dev/null
        until_so 60 "$run has begun" begins again "$run"
        complete again
    done
    same 'runs before' 'second' "$(status again 'history[*].runId')"
    same results 'configmap/again-result-second configmap/again-result-third' \
        "$(k get configmaps -l app.kubernetes.io/component=result -o name | sort | paste -sd ' ')"

    k patch scenario again --type merge -p '{"spec": {"duration": "60s", "cluster": {"runId": "fourth"}}}' >/dev/null
    until_so 60 'it has begun' begins again fourth
    in_phase again Running
    k patch scenario again --type merge -p '{"spec": {"cluster": {"suspend": true}}}' >/dev/null
    in_phase again Suspended
    until_so 60 'no pod is left' no_pods again
    k patch scenario again --type merge -p '{"spec": {"cluster": {"suspend": false}}}' >/dev/null
    in_phase again Running
    same attempt 2 "$(status again attempt)"
    k patch scenario again --type merge -p '{"spec": {"duration": "5s", "cluster": {"runId": "fifth", "ttlAfterFinished": "5s"}}}' >/dev/null
    until_so 180 'its time is over' is_deleted again
    until_so 60 'nothing is left' is_gone again
}

begins() { [ "$(status "$1" runId)" = "$2" ]; }
no_pods() { [ -z "$(k get pods -l "app.kubernetes.io/instance=$1" -o name)" ]; }
is_deleted() { [ -z "$(k get "scenario/$1" --ignore-not-found -o name)" ]; }
