# Starts the cluster, or a part of it anew.
# shellcheck shell=bash

up() {
    local began=$SECONDS part
    if all_running && [ "$(readlink "$state/bin")" = "$bin" ]; then
        log 'is up already'
        return
    fi
    # What is left of another one, whether it crashed or the machine was restarted, is of no use.
    down
    if [ -e "$state" ]; then
        log "$state is in the way, and is no cluster's"
        exit 1
    fi
    if [ -e "$device_plugin_socket" ]; then
        log "another kubelet runs here, or did and left $device_plugin_socket behind"
        exit 1
    fi
    mkdir -p "$state"/{log,pid}
    ln -s "$bin" "$state/bin"
    save_kernel_settings
    make_network
    make_credentials
    for part in "${parts[@]}"; do
        start "$part"
    done
    load_image "$bin/pause.tar"
    wait_until "node $node_name is ready" admin wait --for=condition=Ready "node/$node_name" --timeout=1s
    log "is up after $((SECONDS - began)) s"
}

make_network() {
    ip link add "$bridge" type bridge
    ip address add "$node_address/${pod_network#*/}" dev "$bridge"
    ip link set "$bridge" up
    # Between pods and Services. Bridged packets, too, must pass the rules that Services are made of, or answers bypass them.
    set_kernel net/ipv4/ip_forward 1
    set_kernel net/bridge/bridge-nf-call-iptables 1
}

# render TEMPLATE FILE [KEY=VALUE...]: TEMPLATE of config/ with its @KEY@s filled in.
render() {
    local template=$here/config/$1 file=$2 text pair
    shift 2
    text=$(<"$template")
    for pair in STATE="$state" NODE_ADDRESS="$node_address" POD_NETWORK="$pod_network" SERVICE_NETWORK="$service_network" \
        BRIDGE="$bridge" CONTAINERD_SOCKET="$containerd_socket" IMAGE_TAG="$image_tag" "$@"; do
        text=${text//@${pair%%=*}@/${pair#*=}}
    done
    echo "$text" >"$file"
}

# restart PART: for tests of what happens then. It is killed, not asked.
restart() {
    need_cluster
    if ! declare -F "run_${1:-}" >/dev/null; then
        log "restart which part? There are ${parts[*]}"
        exit 2
    fi
    if running "$1"; then
        end "$(<"$state/pid/$1")"
    fi
    start "$1"
}

# fake_nodes COUNT: nodes on which kwok pretends to run pods. They are tainted, so that only pods that ask for them come there. Those that are there
# already may have been late with a heartbeat: then the node controller holds their list of taints, and has put its own into it. It is set anew, for
# the controller repeats what still holds.
fake_nodes() {
    local count=${1:?how many} i
    need_cluster
    running kwok || start kwok
    for ((i = 0; i < count; i++)); do
        cat <<YAML
---
apiVersion: v1
kind: Node
metadata:
  name: fake$i
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {type: kwok}
spec:
  taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]
YAML
    done | admin apply --server-side --force-conflicts -f - >/dev/null
    admin wait --for=condition=Ready node --selector type=kwok --timeout=60s >/dev/null
    log "$count fake nodes are ready"
}

# The exports that kubectl and helm need, for `eval`. Their caches would otherwise outlive the cluster in the user's home.
exports() {
    need_cluster
    cat <<ENV
export PATH='$state/bin':"\$PATH"
export KUBECONFIG='$state/admin.kubeconfig'
export KUBECACHEDIR='$state/kubectl-cache'
export HELM_CACHE_HOME='$state/helm/cache' HELM_CONFIG_HOME='$state/helm/config' HELM_DATA_HOME='$state/helm/data'
export CONTAINERD_ADDRESS='$containerd_socket' CONTAINERD_NAMESPACE=k8s.io
ENV
}
