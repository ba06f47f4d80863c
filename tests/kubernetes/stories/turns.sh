# More scenarios than the cluster has room for: they take turns, and none of them fails for want of room.
# shellcheck shell=bash

story_turns() {
    local millis name
    millis=$(kubectl get nodes --selector '!type' -o 'jsonpath={.items[0].status.allocatable.cpu}' | awk '/m$/ { print int($0); next } { print 1000 * $1 }')
    # Of four pods of a run, conductor included, two find no room beside four others; and the deadline is shorter than the runs before the last.
    install --set "pods.cost.millicpu=$((millis / 6)),pods.costPerPeer.millicpu=0"
    for name in first second third; do
        chat "$name" 30 4 '{peersPerPod: 2, podsDeadline: 40s}' | apply
    done
    until_so 120 'one waits for another' is_waiting first second third
    for name in first second third; do
        complete "$name" 400
        same "verdict of $name" pass "$(status "$name" verdict)"
    done
    for name in first second third; do
        remove "$name"
    done
    install
}

is_waiting() {
    local name
    for name; do
        [[ $(reason "$name" PeersReady) != @(Queued|NoRoom) ]] || return 0
    done
    return 1
}
