# From nothing to a report, by the commands of docs/kubernetes.md.
# shellcheck shell=bash

story_install() {
    install
    kubectl create namespace "$lab" >/dev/null
    kubectl label namespace "$lab" pod-security.kubernetes.io/enforce=restricted --overwrite >/dev/null

    # A shipped scenario, with fewer peers for less long: the machine of a test is small.
    sed -e 's/duration: 5m/duration: 20s/' -e 's/warmUp: 30s/warmUp: 5s/' -e 's/peers: 50/peers: 10/' -e 's/peers: 150/peers: 20/' \
        -e 's/rooms: 20/rooms: 4/' -e 's/members: 30/members: 10/' "$root/scenarios/chat-room.yaml" >"$work/chat-room.yaml"
    k apply -f "$work/chat-room.yaml" >/dev/null
    complete chat-room
    k get scenario/chat-room
    same verdict pass "$(status chat-room verdict)"
    same 'peers that were ready' 30 "$(status chat-room peersReady)"
    case $(status chat-room validity) in
        valid | degraded) ;;
        *) fail "validity is $(status chat-room validity)" ;;
    esac

    k get configmap/chat-room-result-1 -o 'jsonpath={.binaryData.report\.html\.gz}' | base64 -d | gunzip >"$work/report.html"
    grep -q '</html>' "$work/report.html" || fail 'the page is no page'
    k get configmap/chat-room-result-1 -o 'jsonpath={.data.report\.json}' >"$work/report.json"
    grep -q '"schema": *"peerlab.dev/report/v1"' "$work/report.json" || fail 'the report is of another form'
    echo "  a page of $(wc -c <"$work/report.html") bytes"

    # Both come after the status.
    for phase in Starting Joining Running Complete; do
        until_so 30 "events tell of $phase" is_told chat-room "$phase"
    done
    until_so 60 'nothing is left beside the log and the result' has_only_its_result
    remove chat-room
    echo '  nothing is left of it'
}

has_only_its_result() { [ -z "$(k get statefulsets,services,networkpolicies -o name)" ]; }
