# Runs that end before they should: cancelled, or with their conductor's pod told to go. What there was of them is kept, and called what it is.
# shellcheck shell=bash

story_ended() {
    echo ' a run is cancelled'
    chat halted 300 | apply
    in_phase halted Running
    k patch scenario halted --type merge -p '{"spec": {"cluster": {"cancel": "1"}}}' >/dev/null
    complete halted 60
    same reason RunInterrupted "$(reason halted Complete)"
    same verdict invalid "$(status halted verdict)"
    [[ $(message halted Degraded) == *'interrupted at '*' of '* ]] || fail "the report says: $(message halted Degraded)"
    until_so 30 'events tell of it' is_told halted Cancelling
    k get configmap/halted-result-1 -o 'jsonpath={.data.report\.json}' | grep -q '"interrupted"' || fail 'the report knows nothing of it'

    echo ' one that has not begun is cancelled'
    k patch scenario halted --type merge -p '{"spec": {"cluster": {"runId": "2", "cancel": "2"}}}' >/dev/null
    in_phase halted Failed
    same reason Cancelled "$(reason halted Failed)"
    same results configmap/halted-result-1 "$(k get configmaps -l app.kubernetes.io/component=result -o name)"

    echo ' and it runs again'
    k patch scenario halted --type merge -p '{"spec": {"duration": "5s", "cluster": {"runId": "3"}}}' >/dev/null
    until_so 60 'it has begun' has_begun halted 3
    complete halted
    same verdict pass "$(status halted verdict)"
    remove halted

    echo " a conductor's pod is told to go, as when its node is drained"
    chat drained 300 | apply
    in_phase drained Running
    k delete pod -l app.kubernetes.io/instance=drained,app.kubernetes.io/component=conductor --wait=false >/dev/null
    complete drained 60
    same reason RunInterrupted "$(reason drained Complete)"
    same verdict invalid "$(status drained verdict)"
    remove drained
}

has_begun() { [ "$(status "$1" runId)" = "$2" ]; }
