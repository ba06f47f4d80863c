# The cluster's own test: a life of it from nothing to nothing, with what the project's tests rely on in between.
# shellcheck shell=bash

checks=(
    server_has_its_version
    restricted_namespace_refuses_root
    peerlabs_image_runs_restricted
    static_binary_finds_names_and_services
    helm_installs
    thousand_fake_pods_get_ready
    api_server_comes_back
)

# selftest [COMMAND...]: the command is one more check, for which nothing needs to be started or built again.
selftest() {
    local check before
    passed=0
    if exists; then
        log 'is up; the test begins and ends without it'
        exit 1
    fi
    trap selftest_ended EXIT
    before=$(the_machine)
    in_check up
    up
    checked
    eval "$(exports)"
    in_check images
    images
    checked
    kubectl apply -f "$here/selftest/namespace.yaml" >/dev/null
    kubectl config set-context --current --namespace selftest >/dev/null
    for check in "${checks[@]}"; do
        in_check "$check"
        "$check"
        checked
    done
    if [ $# -gt 0 ]; then
        kubectl config set-context --current --namespace default >/dev/null
        in_check "$*"
        "$@"
        checked
    fi
    in_check down_leaves_nothing
    down
    diff <(echo "$before") <(the_machine)
    checked
}

in_check() {
    current=$1
    check_began=$SECONDS
}

checked() {
    passed=$((passed + 1))
    log "ok: ${current//_/ } ($((SECONDS - check_began)) s)"
}

# Bash comes here when all is done, and at the first command that fails, wherever that is.
selftest_ended() {
    local code=$? failed=0
    if [ $code -ne 0 ]; then
        failed=1
        log "FAILED: ${current//_/ }"
        if all_running; then
            kubectl get pods,events --all-namespaces | tail -n 50
        elif exists; then
            tail --lines 20 "$state"/log/*
        fi
        down
    fi
    echo "selftest: $passed passed, $failed failed"
}

# What down must leave as it was: lines that differ after it tell what it forgot.
the_machine() {
    ip -oneline link show | cut -d : -f 2
    iptables-save | grep '^-A' || true
    ip6tables-save | grep '^-A' || true
    cut -d ' ' -f 2 /proc/self/mounts
    find /proc/sys/kernel/panic* /proc/sys/net/bridge /proc/sys/net/ipv4/conf/all /proc/sys/net/ipv4/ip_forward /proc/sys/vm/overcommit* \
        -type f -exec grep -H . {} +
    find /sys/fs/cgroup -type d -name 'kube*'
    find "$state" /var/lib/{kubelet,cni,containerd,calico} /var/log/{pods,containers} /run/{containerd,netns,runc,flannel} /etc/{cni,kubernetes} \
        -mindepth 1 2>/dev/null || true
    grep -lszF "$state/" /proc/[0-9]*/cmdline || true
}

server_has_its_version() {
    local version
    version=$(sed -n 's|^\tk8s.io/kubernetes \(v[^ ]*\).*|\1|p' "$here/modules/kubernetes/go.mod")
    kubectl version | grep -x "Client Version: $version"
    kubectl version | grep -x "Server Version: $version"
}

restricted_namespace_refuses_root() {
    local answer
    if answer=$(kubectl run root --image localhost/peerlab-node:test 2>&1); then
        return 1
    fi
    [[ $answer == *'violates PodSecurity "restricted'* ]]
}

peerlabs_image_runs_restricted() {
    kubectl apply -f "$here/selftest/version.yaml" >/dev/null
    kubectl wait --for=jsonpath='{.status.phase}'=Succeeded pod/version --timeout=60s >/dev/null
    kubectl logs version | grep '^peerlab-node [0-9]'
}

static_binary_finds_names_and_services() {
    build_probe
    kubectl apply -f "$here/selftest/names.yaml" >/dev/null
    kubectl wait --for=jsonpath='{.status.phase}'=Succeeded pod/client --timeout=120s >/dev/null
    kubectl logs client | grep -x 'server-0.servers:8080 server-0'
    kubectl logs client | grep -x 'server-1.servers.selftest.svc.cluster.local:8080 server-1'
    kubectl logs client | grep -x 'any-server:80 server-[01]'
}

build_probe() (
    context=$(mktemp -d)
    trap 'rm -rf "$context"' EXIT
    rustc --edition 2024 -C strip=symbols --target "$(static_target)" -o "$context/probe" "$here/selftest/probe/probe.rs"
    cp "$here/selftest/probe/Dockerfile" "$context"
    build_image probe "$context/probe.tar" "$context"
    load_image "$context/probe.tar"
)

helm_installs() {
    helm lint --quiet "$here/selftest/chart"
    helm install toy "$here/selftest/chart" --set greeting=good-day --wait >/dev/null
    [ "$(kubectl get configmap toy -o jsonpath='{.data.greeting}')" = good-day ]
    helm uninstall toy --wait >/dev/null
    ! kubectl get configmap toy 2>/dev/null
}

thousand_fake_pods_get_ready() {
    local began
    fake_nodes 10
    began=$SECONDS
    kubectl apply -f "$here/selftest/fake-pods.yaml" >/dev/null
    kubectl rollout status statefulset/fake --timeout=300s >/dev/null
    log "a thousand fake pods are ready after $((SECONDS - began)) s"
    kubectl delete statefulset fake --cascade=foreground --timeout=300s >/dev/null
}

api_server_comes_back() {
    restart apiserver
    kubectl get pod version >/dev/null
}
