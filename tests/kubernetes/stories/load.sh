# A thousand pods that kwok only pretends to run, two hundred scenarios, and a minute in which nothing happens. Only on the cluster of tests/cluster,
# whose machine is this one: the operator's memory is read from its process.
# shellcheck shell=bash

story_load() {
    "$root/tests/cluster/cluster" fake-nodes 10 >/dev/null
    install --set pods.nodeSelector.type=kwok,pods.tolerations[0].operator=Exists
    local before started each
    before=$(calls)
    started=$SECONDS
    sed -e 's/fullMesh: {}/kRegular: {degree: 4}/' <(chat crowd 60 998 '{peersPerPod: 1, podsDeadline: 10m}') | apply
    # What kwok pretends of Jobs is that they are done, so the run fails afterwards.
    until_so 300 'a thousand pods run' has_all_pods crowd
    echo "  a thousand pods ran after $((SECONDS - started)) s; $(($(calls) - before)) calls of the API server; operator: $(memory) MiB"
    [ "$(memory)" -lt 100 ] || fail 'that is more memory than an operator should have'
    remove crowd

    before=$(calls)
    for n in $(seq 200); do
        chat "waiting-$n" 10 4 '{suspend: true}'
        echo ---
    done | apply
    until_so 120 'all are suspended' are_suspended 200
    each=$((($(calls) - before) / 200))
    [ $each -le 20 ] || fail "each of them cost $each calls"
    echo "  200 scenarios: $(($(calls) - before)) calls; operator: $(memory) MiB"
    [ "$(memory)" -lt 100 ] || fail 'that is more memory than an operator should have'
    sleep 5
    local reconciles
    reconciles=$(count reconciles_total)
    before=$(calls)
    sleep 60
    same 'calls of a quiet minute' 0 $(($(calls) - before))
    same 'reconciles of a quiet minute' 0 $(($(count reconciles_total) - reconciles))
    k delete scenarios --all --wait >/dev/null
    install
}

has_all_pods() { [[ $(status "$1" phase) == @(Joining|Running|Collecting|Failed) ]]; }
memory() { ps -C peerlab-operator -o rss= | awk '{ sum += $1 } END { print int(sum / 1024) }'; }
are_suspended() { [ "$(k get scenarios -o 'jsonpath={.items[*].status.phase}' | tr ' ' '\n' | grep -c Suspended)" = "$1" ]; }
