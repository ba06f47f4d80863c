# What the machine must have. Where it cannot be had, the cluster is skipped: exit code 77, as automake's tests say it.
# shellcheck shell=bash

skip() {
    echo "cluster: skipped: $*" >&2
    exit 77
}

need_root() {
    [ "$(uname -s)" = Linux ] || skip 'a Kubernetes node needs Linux'
    [ "$(id -u)" = 0 ] || skip 'a Kubernetes node needs root, for namespaces, mounts, cgroups and iptables'
    unshare --mount --net true 2>/dev/null || skip 'this root may not make namespaces: the container that it is in has too few capabilities'
}

need_machine() {
    need_root
    # Only a build needs Go, but that is said before anything is installed.
    [ -d "$(programs)" ] || need_go
    need_debian_parts
    need_kernel
}

# Groups of processes, with the controllers that pods are limited by.
need_groups() {
    local top=/sys/fs/cgroup controller lacking=()
    if [ ! -f "$top/cgroup.controllers" ]; then
        # Of version 1, every controller is a tree of its own.
        for controller in cpu memory pids; do
            may_make_group "$top/$controller"
        done
        return
    fi
    may_make_group "$top"
    for controller in cpu memory pids; do
        grep -qw "$controller" "$top/cgroup.subtree_control" || lacking+=("$controller")
    done
    # The kubelet will hand them on, which the kernel refuses within a container that has processes of its own there.
    if [ ${#lacking[@]} -gt 0 ]; then
        echo "${lacking[*]/#/+}" 2>/dev/null >"$top/cgroup.subtree_control" || skip "pods are limited by ${lacking[*]}, and $top has nothing of it to hand on"
        echo "${lacking[*]/#/-}" 2>/dev/null >"$top/cgroup.subtree_control" || true
    fi
}

may_make_group() {
    mkdir "$1/peerlab-probe" 2>/dev/null || skip "pods are groups of processes, and none can be made in $1"
    rmdir "$1/peerlab-probe"
}

# What the kernel must let this root do. Each is tried where it leaves nothing behind: in namespaces of its own, or in a folder that is removed.
need_kernel() {
    need_groups
    unshare --net ip link add "$bridge" type bridge 2>/dev/null || skip 'pods are on a bridge, and this kernel makes none'
    # What kube-proxy makes Services of.
    unshare --net sh -c 'iptables -t nat -A OUTPUT -m comment --comment probe -m statistic --mode random --probability 0.5 -j MARK --set-xmark 0x4000 &&
        iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT' 2>/dev/null ||
        skip 'Services are rules of iptables, and this kernel does not take those of kube-proxy'
    [ -w /proc/sys/net/ipv4/ip_forward ] || skip 'pods reach one another over this machine, and /proc/sys/net/ipv4/ip_forward is not to be written to'
    [ -d /proc/sys/net/bridge ] || modprobe br_netfilter 2>/dev/null || skip 'Services are seen on a bridge by br_netfilter, and this kernel has it not'
}

need_go() {
    local module=$here/modules/kubernetes version cache
    command -v go >/dev/null || skip 'Kubernetes is built from its Go modules, and there is no Go'
    # An older one fetches what is wanted, if it may.
    go list -C "$module" -m >/dev/null 2>&1 ||
        skip "Kubernetes is built from its Go modules, with Go $(sed -n 's/^go //p' "$module/go.mod"), and this is $(go env GOVERSION)"
    version=$(sed -n 's|^\tk8s.io/kubernetes \(v[^ ]*\).*|\1|p' "$module/go.mod")
    cache=$(mktemp -d)
    if ! (cd / && GOMODCACHE=$cache GOFLAGS=-modcacherw go list -m "k8s.io/kubernetes@$version") >/dev/null 2>&1; then
        rm -rf "$cache"
        skip 'Kubernetes is built from its Go modules, and they cannot be fetched'
    fi
    rm -rf "$cache"
}

# For images, which a test of the cluster begins with.
need_static_target() {
    static_target >/dev/null 2>&1 || skip "images hold programs that are linked statically, and this Rust has no $(uname -m)-unknown-linux-musl"
}

# A line each: what must be there (a command, or a file), and the Debian package that brings it.
debian_parts='
containerd                containerd
runc                      runc
/usr/lib/cni/bridge       containernetworking-plugins
iptables                  iptables
conntrack                 conntrack
ip                        iproute2
mount                     mount
openssl                   openssl
buildah                   buildah
cc                        gcc
/usr/include/stdio.h      libc6-dev
musl-gcc                  musl-tools
jq                        jq
'

need_debian_parts() {
    local part package missing=()
    while read -r part package; do
        [ -z "$part" ] || command -v "$part" >/dev/null || [ -e "$part" ] || missing+=("$package")
    done <<<"$debian_parts"
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    command -v apt-get >/dev/null || skip "needs what Debian calls ${missing[*]}, and there is no apt-get to install it"
    log "installing ${missing[*]}"
    {
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}"
    } >/dev/null || skip "needs what Debian calls ${missing[*]}, and apt-get could not install it"
}
