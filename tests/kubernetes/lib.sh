# What stories have in common.
# shellcheck shell=bash

operator_namespace=peerlab
lab=lab
images=${PEERLAB_IMAGES:-localhost/peerlab-}
tag=${PEERLAB_TAG:-test}

skip() {
    echo "skipped: $*" >&2
    exit 77
}

fail() {
    echo "  wrong: $*" >&2
    return 1
}

# same WHAT WANTED FOUND
same() {
    [ "$2" = "$3" ] || fail "$1 is \`$3\` and not \`$2\`"
    echo "  $1: $3"
}

k() { kubectl --namespace "$lab" "$@"; }

# status NAME PATH: a field of a scenario's status.
status() { k get "scenario/$1" -o "jsonpath={.status.$2}"; }

# reason NAME CONDITION, message NAME CONDITION
reason() { status "$1" "conditions[?(@.type==\"$2\")].reason"; }
message() { status "$1" "conditions[?(@.type==\"$2\")].message"; }

# until_so SECONDS WHAT COMMAND...: waits until COMMAND succeeds. The limit only guards against waiting for ever.
until_so() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "it never was so that $what" || return 1
        sleep 0.3
    done
}

is_phase() { [ "$(status "$1" phase)" = "$2" ]; }
in_phase() { until_so "${3:-120}" "$1 is $2" is_phase "$1" "$2"; }
is_over() { [ -n "$(status "$1" finishedAt)" ]; }

is_settled() { is_over "$1" || is_phase "$1" Refused; }
complete() {
    until_so "${2:-180}" "$1 is over" is_settled "$1" || return 1
    # As people would: at once, if it is so.
    k wait --for=condition=Complete "scenario/$1" --timeout=1s >/dev/null || fail "$1 did not complete"
}

# is_told NAME REASON: an event of a scenario.
is_told() {
    local told
    told=$(k get events --field-selector "involvedObject.name=$1" -o 'jsonpath={range .items[*]}{.reason} {end}')
    [[ " $told" == *" $2 "* ]]
}

# objects NAME: what there is of a scenario, the result and what people keep included.
objects() {
    k get statefulsets,jobs,services,networkpolicies,configmaps,pods -l "app.kubernetes.io/instance=$1" -o name --ignore-not-found
}
is_gone() { [ -z "$(objects "$1")" ]; }

remove() {
    k delete "scenario/$1" --ignore-not-found --wait >/dev/null
    until_so 90 "nothing is left of $1" is_gone "$1"
}

# chat NAME [SECONDS [PEERS [CLUSTER]]]: a small chat, to be applied.
chat() {
    cat <<SCENARIO
apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {name: $1, namespace: $lab}
spec:
  seed: 7
  duration: ${2:-10}s
  coolDown: 3s
  start: {deadline: 60s, quorum: 50%}
  groups:
    - {name: offices, peers: 2}
    - {name: homes, peers: ${3:-4}}
  topology: {fullMesh: {}}
  workloads:
    - {name: rooms, chat: {rooms: 1, members: 4, posts: {poisson: {every: 2s}}}}
  targets:
    - {metric: rooms.delivery.completeness, atLeast: 100%}
  cluster: ${4:-"{peersPerPod: 2}"}
SCENARIO
}

apply() { kubectl apply --filename - >/dev/null; }

# install [ARGUMENT...]: the chart as it is here, with the images of this cluster.
install() {
    helm upgrade --install peerlab "$root/charts/peerlab" --namespace "$operator_namespace" --create-namespace --wait --timeout 2m \
        --set "image.repository=${images}operator,image.tag=$tag,nodeImage.repository=${images}node,nodeImage.tag=$tag" "$@" >/dev/null
}

operator_pod() {
    kubectl --namespace "$operator_namespace" get pods -l app.kubernetes.io/component=operator --field-selector status.phase=Running \
        -o 'jsonpath={.items[0].metadata.name}'
}

# kill_operator: without a word of parting, as a machine that dies.
kill_operator() { kubectl --namespace "$operator_namespace" delete pod -l app.kubernetes.io/component=operator --grace-period 0 --force >/dev/null 2>&1; }

# What the operator counts of itself, through the API server.
metrics() { kubectl get --raw "/api/v1/namespaces/$operator_namespace/services/peerlab:http/proxy/metrics"; }
count() { metrics | awk -v name="^peerlab_operator_$1" '$0 ~ name { sum += $2 } END { print sum + 0 }'; }
calls() { count api_calls_total; }

# explain: what there is to see when a story has failed.
explain() {
    {
        echo '--- what there is'
        k get scenarios,pods -o wide
        k get scenarios -o 'jsonpath={range .items[*]}{.metadata.name}{range .status.conditions[*]}{"\n  "}{.type}={.status} {.reason}: {.message}{end}{"\n"}{end}'
        echo '--- what the operator said'
        kubectl --namespace "$operator_namespace" logs -l app.kubernetes.io/component=operator --tail 30
        echo '--- what conductors said'
        k logs -l app.kubernetes.io/component=conductor --tail 15
    } >&2 2>&1 || true
}
