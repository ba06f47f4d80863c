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
}

need_go() {
    command -v go >/dev/null || skip 'Kubernetes is built from its Go modules, and there is no Go'
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
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}"
    } >/dev/null
}
