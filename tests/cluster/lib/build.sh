# Builds Kubernetes, etcd, Helm, kwok, CoreDNS and the sandbox image from the Go modules in modules/.
# shellcheck shell=bash

# Where the programs of these module versions are, or will be.
programs() {
    local key
    key=$(cd "$here" && sha256sum modules/*/go.mod modules/*/go.sum modules/*/*.go lib/build.sh | sha256sum | cut -c 1-16)
    echo "$cache/$key"
}

# A subshell, so that its lock and its trap end with it.
build() (
    into=$(programs)
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9 # another checkout may be building the same
    if [ -d "$into" ]; then
        exit
    fi
    need_go

    # Since we hold the lock, what others left unfinished is stale.
    rm -rf "$cache"/unfinished.*
    unfinished=$(mktemp -d "$cache/unfinished.XXXXXX")
    # Go's caches are so many files that their removal takes minutes, which nobody needs to wait for.
    trap 'setsid rm -rf "$unfinished" 9>&- >/dev/null 2>&1 &' EXIT
    set_up_go "${PEERLAB_CLUSTER_GO_CACHES:-$unfinished/go}"
    mkdir "$unfinished/programs"
    build_kubernetes "$unfinished/programs"
    build_module "$unfinished/programs" helm tool
    build_module "$unfinished/programs" kwok tool
    build_module "$unfinished/programs" coredns .
    build_pause "$unfinished/programs"
    mv "$unfinished/programs" "$into"
    log "built $into"
)

# Go's caches come to many gigabytes and are of no use once the programs are there, so they are in a folder that is removed then. Who
# tries other versions keeps them by saying where.
set_up_go() {
    mkdir -p "$1/tmp"
    export GOMODCACHE=$1/mod GOCACHE=$1/build GOTMPDIR=$1/tmp GOWORK=off CGO_ENABLED=0
    export GOFLAGS='-mod=readonly -modcacherw -trimpath -buildvcs=false'
}

# build_module OUT MODULE PACKAGES [LINKER-FLAGS]
build_module() {
    log "building $2"
    go build -C "$here/modules/$2" -o "$1/" -ldflags "-s -w ${4:-}" "$3"
}

build_kubernetes() {
    local version package flags=
    version=$(go list -C "$here/modules/kubernetes" -m -f '{{.Version}}' k8s.io/kubernetes)
    # Kubernetes learns its version from the linker alone. Left out, the server says v0.0.0, and clients go by that.
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=$version"
        flags+=" -X $package.gitMajor=$(cut -d . -f 1 <<<"${version#v}") -X $package.gitMinor=$(cut -d . -f 2 <<<"$version")"
    done
    build_module "$1" kubernetes tool "$flags"
    mv "$1/server" "$1/etcd"
}

# What holds a pod's namespaces: the C program that Kubernetes ships for it, in an image of its own.
build_pause() {
    local source context
    log 'building the sandbox image'
    source=$(go list -C "$here/modules/kubernetes" -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c
    context=$(mktemp -d "$1.pause.XXXXXX")
    cc -Os -static -o "$context/pause" "$source"
    printf '%s\n' 'FROM scratch' 'COPY pause /pause' 'USER 65535:65535' 'ENTRYPOINT ["/pause"]' >"$context/Dockerfile"
    build_image pause "$1/pause.tar" "$context"
}
