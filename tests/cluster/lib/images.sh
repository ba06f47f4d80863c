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
        # Those are the stages of the Dockerfile that start from scratch.
        mapfile -t packages < <(sed -n 's/^FROM scratch AS //p' "$root/Dockerfile")
        set -- "${packages[@]}"
    fi
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    for package; do
        build_static_binary "$package" "$folder"
        log "building the image of $package"
        build_image "$package" "$folder/$package.tar" \
            --target "$package" --build-context "$package-build=$folder" "$root"
        load_image "$folder/$package.tar"
    done
)

# build_static_binary PACKAGE FOLDER: what the Dockerfile's build stage does, by the host's cargo.
build_static_binary() {
    local target
    target=$(static_target)
    log "building $1 for $target"
    (cd "$root" && CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --locked --release --target "$target" --package "$1")
    cp "${CARGO_TARGET_DIR:-$root/target}/$target/release/$1" "$2/"
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
    ctr --address "$containerd_socket" --namespace k8s.io images import "$1" >/dev/null
}
