# The programs that a cluster consists of: how each is started, and what says that it runs. In the order of their starting.
# shellcheck shell=bash

parts=(etcd apiserver controller-manager scheduler containerd kubelet proxy dns)

# start PART: starts the program and waits until it answers.
start() {
    run_"$1"
    wait_until "$1 answers" "answers_$1"
}

# in_background PART COMMAND...: what PART is. The variable marks it, and whatever it starts, as of this cluster: see down.sh.
in_background() {
    local part=$1
    shift
    PEERLAB_CLUSTER=$state setsid "$@" >>"$state/log/$part.log" 2>&1 </dev/null &
    echo $! >"$state/pid/$part"
    disown # Bash would tell of its end, which is no news when we bring it about
}

# wait_until WHAT COMMAND...: until COMMAND succeeds. The limit only guards against waiting for ever.
wait_until() {
    local what=$1 end=$((SECONDS + 120))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            log "after two minutes it is still not so that $what; see $state/log"
            exit 1
        fi
        sleep 0.2
    done
}

admin() {
    "$state/bin/kubectl" --kubeconfig "$state/admin.kubeconfig" "$@"
}

# answers_url SERVER PATH, without saying who asks. The token is there only lest kubectl ask for a password.
answers_url() {
    "$state/bin/kubectl" --kubeconfig /dev/null --server "$1" --insecure-skip-tls-verify --token none get --raw "$2"
}

run_etcd() {
    # Nobody needs what is in it after the machine has stopped, so it need not reach the disk.
    in_background etcd "$state/bin/etcd" --data-dir "$state/etcd" --unsafe-no-fsync \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380
}

answers_etcd() {
    answers_url http://127.0.0.1:2379 /health
}

run_apiserver() {
    in_background apiserver "$state/bin/kube-apiserver" \
        --etcd-servers=http://127.0.0.1:2379 \
        --bind-address="$node_address" --advertise-address="$node_address" \
        --service-cluster-ip-range="$service_network" \
        --tls-cert-file="$state/pki/apiserver.crt" --tls-private-key-file="$state/pki/apiserver.key" \
        --client-ca-file="$state/pki/ca.crt" \
        --kubelet-client-certificate="$state/pki/kubelet-client.crt" --kubelet-client-key="$state/pki/kubelet-client.key" \
        --kubelet-preferred-address-types=InternalIP \
        --service-account-issuer=https://kubernetes.default.svc \
        --service-account-signing-key-file="$state/pki/service-accounts.key" \
        --service-account-key-file="$state/pki/service-accounts.pub" \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction
}

answers_apiserver() {
    admin get --raw /readyz
}

# With their default limits of 20 to 50 requests a second, these two need twenty minutes for what tests want within seconds: a
# thousand pods.
many_requests=(--kube-api-qps=500 --kube-api-burst=1000)

run_controller-manager() {
    in_background controller-manager "$state/bin/kube-controller-manager" --kubeconfig="$state/controller-manager.kubeconfig" \
        --bind-address=127.0.0.1 --use-service-account-credentials \
        --service-account-private-key-file="$state/pki/service-accounts.key" --root-ca-file="$state/pki/ca.crt" \
        --leader-elect=false "${many_requests[@]}"
}

# What it makes first in every namespace, and pods need.
answers_controller-manager() {
    admin get serviceaccount default
}

run_scheduler() {
    in_background scheduler "$state/bin/kube-scheduler" --kubeconfig="$state/scheduler.kubeconfig" \
        --bind-address=127.0.0.1 --leader-elect=false "${many_requests[@]}"
}

answers_scheduler() {
    answers_url https://127.0.0.1:10259 /readyz
}

run_containerd() {
    snapshotter >"$state/snapshotter"
    render containerd.toml "$state/containerd.toml" SNAPSHOTTER="$(<"$state/snapshotter")"
    mkdir -p "$state/cni"
    render network.conflist "$state/cni/network.conflist"
    in_background containerd containerd --config "$state/containerd.toml"
}

# How layers of images become one root: by overlays, unless the cluster's folder is on one itself, as in a container; then by copies.
snapshotter() {
    local try kind=native
    try=$(mktemp -d "$state/overlay.XXXXXX")
    mkdir "$try"/{lower,upper,work,root}
    if mount -t overlay -o "lowerdir=$try/lower,upperdir=$try/upper,workdir=$try/work" overlay "$try/root" 2>/dev/null; then
        umount "$try/root"
        kind=overlayfs
    fi
    rm -rf "$try"
    echo "$kind"
}

answers_containerd() {
    ctr --address "$containerd_socket" version
}

run_kubelet() {
    render kubelet.yaml "$state/kubelet.yaml"
    in_background kubelet "$state/bin/kubelet" --config="$state/kubelet.yaml" --kubeconfig="$state/kubelet.kubeconfig" \
        --hostname-override="$node_name" --node-ip="$node_address" --root-dir="$state/kubelet" --cert-dir="$state/kubelet/pki"
}

answers_kubelet() {
    answers_url http://127.0.0.1:10248 /healthz
}

run_proxy() {
    in_background proxy "$state/bin/kube-proxy" --kubeconfig="$state/proxy.kubeconfig" --hostname-override="$node_name" \
        --proxy-mode=iptables --cluster-cidr="$pod_network" --conntrack-max-per-core=0 \
        --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249
}

answers_proxy() {
    answers_url http://127.0.0.1:10256 /healthz
}

run_dns() {
    render Corefile "$state/Corefile"
    in_background dns "$state/bin/coredns" -conf "$state/Corefile"
}

answers_dns() {
    answers_url http://127.0.0.1:8181 /ready
}

# Pretends to be kubelets for nodes that are marked as fake: their pods run nowhere and are Ready at once. Started on request only.
run_kwok() {
    in_background kwok "$state/bin/kwok" --kubeconfig="$state/kwok.kubeconfig" \
        --manage-all-nodes=false --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake --server-address=127.0.0.1:10247
}

answers_kwok() {
    answers_url http://127.0.0.1:10247 /healthz
}
