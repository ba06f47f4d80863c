# Three shipped scenarios, unchanged: what their pods report is of the same form as what is computed offline, and says the same as the same peers
# outside of a cluster. Needs jq, and on this machine the programs: the node's, as it is in the image, and a simulator.
# shellcheck shell=bash

shipped=(chat-in-a-minute cut-in-a-minute update-in-a-minute)

# What is compared of pods and the fleet, and how far they may be apart: by so many per cent, or by so much where that is more; twice as
# far when a report says itself that the machine did not keep up. docs/kubernetes.md says why.
compared='
chat-in-a-minute    rooms.delivery.latency       p50,p95  15  0.02
chat-in-a-minute    rooms.delivery.completeness  mean      0  1
cut-in-a-minute     rooms.delivery.latency       p50      15  0.02
cut-in-a-minute     rooms.delivery.completeness  mean      0  1
update-in-a-minute  patch.install.time           p50,p95  25  0.5
update-in-a-minute  patch.install.completeness   mean      0  1
'

story_shipped() {
    local node name rest
    node=$("$root/tests/cluster/cluster" binaries peerlab-node)
    for name in "${shipped[@]}"; do
        k apply -f "$root/scenarios/$name.yaml" >/dev/null
    done
    for name in "${shipped[@]}"; do
        simulator run "$root/scenarios/$name.yaml" --quiet --out "$work/model/$name" || [ $? -eq 1 ]
    done
    for name in "${shipped[@]}"; do
        complete "$name" 300
        # By the command of docs/kubernetes.md, which ends as the run did.
        "$node" report "scenario/$name" --namespace "$lab" --out "$work/pods/$name"
        same "verdict of $name" pass "$(status "$name" verdict)"
        echo "  $name in pods: $(status "$name" peersReady) peers, $(status "$name" validity)"
    done
    # Afterwards, for they share their processors with the pods.
    on_this_machine "${shipped[@]}"
    for name in "${shipped[@]}"; do
        same_form "$name" model pods
        same_form "$name" fleet pods
        same "what is measured of $name on real peers" "$(measured fleet "$name")" "$(measured pods "$name")" >/dev/null
    done
    while read -r name rest; do
        # shellcheck disable=SC2086  # words apart
        [ -z "$name" ] || alike "$name" $rest
    done <<<"$compared"
    for name in "${shipped[@]}"; do
        remove "$name"
    done
}

# That of PEERLAB_SIM, which is at hand where tests have been compiled.
simulator() {
    if [ -n "${PEERLAB_SIM:-}" ]; then
        "$PEERLAB_SIM" "$@"
    else
        cargo run --locked --quiet --manifest-path "$root/Cargo.toml" --package peerlab-simulator -- "$@"
    fi
}

# on_this_machine NAME...: the same scenarios on the same program, without a cluster, all at a time as in pods.
on_this_machine() {
    local name fleets=()
    for name; do
        "$node" fleet "$root/scenarios/$name.yaml" --quiet --processes=10 --out "$work/fleet/$name" &
        fleets+=($!)
    done
    for name in "${fleets[@]}"; do
        wait "$name"
    done
}

# report ENGINE NAME FILTER: a part of a report.
report() { jq --raw-output "$3" "$work/$1/$2/report.json"; }

# measured ENGINE NAME: names and units of all metrics.
measured() { report "$1" "$2" '.metrics | to_entries[] | "\(.key) in \(.value.unit)"'; }

# same_form NAME ENGINE ENGINE: reports have the same fields; metrics that both have are in the same unit and have the same numbers.
same_form() {
    local form both
    form='{schema, seed, fields: keys_unsorted, scenario: (.scenario | keys_unsorted), targets: [.targets[] | [.metric, .bound, .limit, .unit]],
        metric: ([.metrics[] | keys_unsorted] | unique)} | tojson'
    same "form of $1, $3" "$(report "$2" "$1" "$form")" "$(report "$3" "$1" "$form")" >/dev/null
    both=$(comm -12 <(names "$2" "$1") <(names "$3" "$1") | wc -l)
    same "metrics of $1 in one unit, $2 and $3" "$both" "$(comm -12 <(measured "$2" "$1" | sort) <(measured "$3" "$1" | sort) | wc -l)"
    echo "  only $2: $(comm -23 <(names "$2" "$1") <(names "$3" "$1") | paste -sd ' '); only $3: $(comm -13 <(names "$2" "$1") <(names "$3" "$1") | paste -sd ' ')"
}
names() { report "$1" "$2" '.metrics | keys[]' | sort; }

# alike NAME METRIC FIELD,FIELD PERCENT LEAST: pods and the fleet agree on it.
alike() {
    local name=$1 metric=$2 percent=$4 least=$5 field in_pods on_machine
    if [[ "$(report pods "$name" .validity.state) $(report fleet "$name" .validity.state)" == *degraded* ]]; then
        percent=$((2 * percent))
    fi
    for field in ${3//,/ }; do
        in_pods=$(report pods "$name" ".metrics[\"$metric\"].$field")
        on_machine=$(report fleet "$name" ".metrics[\"$metric\"].$field")
        echo "  $name, $metric $field: $in_pods in pods, $on_machine on this machine, $(report model "$name" ".metrics[\"$metric\"].$field") in the model"
        awk -v a="$in_pods" -v b="$on_machine" -v percent="$percent" -v least="$least" 'BEGIN {
            apart = a < b ? b - a : a - b
            most = b * percent / 100 > least ? b * percent / 100 : least
            exit !(apart <= most)
        }' || fail "$name, $metric $field: pods and this machine are further apart than $percent % and $least"
    done
}
