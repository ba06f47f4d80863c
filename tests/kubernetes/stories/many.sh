# Ten scenarios at once, whose names begin with a digit, as those of Services must not.
# shellcheck shell=bash

story_many() {
    local n before each
    before=$(calls)
    for n in 0 1 2 3 4 5 6 7 8 9; do
        chat "$n-many" 10 4 '{peersPerPod: 10}'
        echo ---
    done | apply
    for n in 0 1 2 3 4 5 6 7 8 9; do
        complete "$n-many" 400
    done
    k get scenarios
    each=$((($(calls) - before) / 10))
    echo "  $each reads and writes at the API server a scenario"
    [ $each -le 100 ] || fail 'those are too many'
    k delete scenarios --all --wait >/dev/null
    for n in 0 1 2 3 4 5 6 7 8 9; do
        until_so 60 "nothing is left of $n-many" is_gone "$n-many"
    done
}
