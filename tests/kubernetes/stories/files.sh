# A scenario whose graph is in a file.
# shellcheck shell=bash

story_files() {
    sed -e 's/^  duration: .*/  duration: 8s/' -e 's/^  warmUp: .*/  warmUp: 0s/' "$root/scenarios/chat-imported-graph.yaml" >"$work/imported.yaml"
    printf '  cluster: {files: circles, peersPerPod: 100}\n' >>"$work/imported.yaml"
    k apply -f "$work/imported.yaml" >/dev/null
    in_phase chat-imported-graph Refused
    same reason FilesMissing "$(reason chat-imported-graph Accepted)"
    k create configmap circles --from-file="$root/scenarios/data/circles-of-friends.txt" >/dev/null
    until_so 60 'the files are found' is_accepted chat-imported-graph
    complete chat-imported-graph
    k delete configmap circles >/dev/null
    remove chat-imported-graph
}

is_accepted() { [ "$(status "$1" 'conditions[?(@.type=="Accepted")].status')" = True ]; }
