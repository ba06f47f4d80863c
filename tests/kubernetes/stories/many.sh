# Ten scenarios at once.
# shellcheck shell=bash

story_many() {
    local n before after
    before=$(calls)
    for n in 0 1 2 3 4 5 6 7 8 9; do
        chat "many-$n" 10 4 '{peersPerPod: 10}'
        echo ---
    done | apply
    for n in 0 1 2 3 4 5 6 7 8 9; do
        complete "many-$n" 400
    done
    k get scenarios
    after=$(calls)
    echo "  $(((after - before) / 10)) reads and writes at the API server a scenario"
    k delete scenarios --all --wait >/dev/null
    for n in 0 1 2 3 4 5 6 7 8 9; do
        until_so 60 "nothing is left of many-$n" is_gone "many-$n"
    done
}
