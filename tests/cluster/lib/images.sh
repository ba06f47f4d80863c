# Builds images, and loads them into the running cluster.
# shellcheck shell=bash

# build_image NAME ARCHIVE ARGUMENT...: what `buildah build ARGUMENT...` makes, as an OCI archive.
build_image() (
    name=localhost/$1:$image_tag archive=$2
    shift 2
    storage=$(mktemp -d)
    trap 'rm -rf "$storage"' EXIT
    # Images from scratch run nothing while they are built, so what needs the least of the machine will do.
    options=(--storage-driver vfs --root "$storage/images" --runroot "$storage/run")
    buildah "${options[@]}" build --quiet --isolation chroot --timestamp 0 --tag "$name" "$@" >/dev/null
    buildah "${options[@]}" push --quiet "$name" "oci-archive:$archive:$name" 2>/dev/null
)

# images [PACKAGE...]: builds the image of each package, all if none is named, and loads it.
images() (
    need_cluster
    if [ $# -eq 0 ]; then
        mapfile -t all < <(packages)
        set -- "${all[@]}"
    fi
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    built=$(binaries "$@")
    mapfile -t built <<<"$built"
    cp "${built[@]}" "$folder/"
    for package; do
        log "building the image of $package"
        build_image "$package" "$folder/$package.tar" \
            --target "$package" --build-context "$package-build=$folder" "$root"
        load_image "$folder/$package.tar"
    done
)

# The packages that have images: those are the stages of the Dockerfile that start from scratch.
packages() {
    sed -n 's/^FROM scratch AS //p' "$root/Dockerfile"
}

# binaries PACKAGE...: builds what the Dockerfile's build stages do, by the host's cargo, and prints where each of these is. All packages are built at
# once, whichever are asked for: cargo gives what they have in common the features of those that it builds, and would compile it again for each.
binaries() {
    local target folder=$profile all
    target=$(static_target)
    mapfile -t all < <(packages)
    [ "$profile" != dev ] || folder=debug
    log "building ${all[*]} for $target, profile $profile"
    (cd "$root" && env "CARGO_PROFILE_${profile^^}_STRIP=symbols" "CARGO_PROFILE_${profile^^}_DEBUG=false" \
        cargo build --locked --profile "$profile" --target "$target" "${all[@]/#/--package=}") >&2
    printf "${CARGO_TARGET_DIR:-$root/target}/$target/$folder/%s\n" "$@"
}

# What Rust links statically for, which is installed if it is not yet.
static_target() {
    local target
    target=$(uname -m)-unknown-linux-musl
    if [ ! -d "$(rustc --print target-libdir --target "$target")" ]; then
        rustup target add "$target" >&2
    fi
    echo "$target"
}

load_image() {
    ctr --address "$containerd_socket" --namespace k8s.io images import --snapshotter "$(<"$state/snapshotter")" "$1" >/dev/null
}
