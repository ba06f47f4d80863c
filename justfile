# What one can do here. `just` lists it; every recipe is one command that works without just.

set positional-arguments

_list:
    @just --list --unsorted

# Simulate a scenario and write a report: `just run scenarios/chat-room.yaml --seed 7`
run *arguments:
    cargo run --release --package peerlab-simulator -- run "$@"

# Run a scenario on real libp2p peers of this machine, in real time: `just fleet scenarios/chat-room.yaml`
fleet *arguments:
    cargo run --release --package peerlab-node -- fleet "$@"

# Run a scenario on real libp2p peers in virtual time: `just virtual scenarios/chat-room.yaml`
virtual *arguments:
    cargo run --release --manifest-path node/virtual/Cargo.toml -- run "$@"

# Check scenarios and say all that is wrong with them
validate *files='scenarios/*.yaml':
    cargo run --release --package peerlab-simulator -- validate {{ files }}

# Print a scenario with every default filled in, and where each value comes from
explain file:
    cargo run --release --package peerlab-simulator -- explain "$1"

# Draw the graph of a scenario, an edge list or GraphML, and print its metrics
topology *arguments:
    cargo run --release --package peerlab-simulator -- topology "$@"

# Run all tests; arguments go to cargo: `just test --package peerlab-scenarios overlay`
test *arguments='--workspace':
    cargo test {{ arguments }}

# What CI runs: format, lints, tests, documentation
ci:
    bash .ci/run

# Format all code
fmt:
    cargo fmt --all

# Lint all code, the custom resource included
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# A real Kubernetes of one node, for tests: `just cluster up`, `down`, `env`, `images`, `status`; `just cluster help` lists all
cluster *arguments:
    tests/cluster/cluster "$@"

# The operator on that cluster, as stories: `just kubernetes`, or some of them by name, with the cluster up and `cluster images` in it
kubernetes *stories:
    tests/kubernetes/run "$@"

# Check the chart, and that charts/install.yaml is what it renders to; `UPDATE_GOLDEN=1 just chart` writes that anew (needs helm)
chart:
    charts/check

# Measure the event queue, the engine, and what a second core is worth
bench *arguments:
    cargo bench --package peerlab-simulator "$@"

# Measure real peers beside bare libp2p: `just bench-peers`, or of it `file`, `gossip`, `memory` or `live`
bench-peers *arguments:
    cargo bench --package peerlab-node --bench libp2p -- "$@"

# Check licences, advisories and sources of all dependencies (needs cargo-deny)
deny:
    cargo deny --all-features check

# Open the documentation of all crates
docs:
    cargo doc --workspace --no-deps --open

# Write everything anew that is generated from the types: schemas, the language reference, the table of metrics
generate:
    UPDATE_GOLDEN=1 cargo test --package peerlab-scenarios --features crd --test schema
    UPDATE_GOLDEN=1 cargo test --package peerlab-simulator --test docs -- that_of
    UPDATE_GOLDEN=1 cargo test --package peerlab-operator

# Scenarios that take minutes for a hundred seeds each, cheapest first
long := 'chat-by-gossipsub find-contents update-with-adversaries update-rollout ipfs-retrieval'

# By exit codes a target may be missed (1) and an invariant may not be broken (3), which is told at the end; any other ends it at once.
# A hundred seeds of every shipped scenario but the two largest, at full size, the long ones last: none may break an invariant
seeds count='100':
    cargo build --release --package peerlab-simulator
    invalid=; \
    for name in $(ls scenarios | sed -n 's/\.yaml$//p' | grep -v -x -e million-peers -e city-chat $(printf -- '-e %s ' {{ long }})) {{ long }}; do \
        echo "$name"; code=0; \
        "${CARGO_TARGET_DIR:-target}/release/peerlab-sim" run "scenarios/$name.yaml" --seeds {{ count }} --quiet --force --out "out/seeds/$name" || code=$?; \
        case $code in 0|1) ;; 3) invalid="$invalid out/seeds/$name/report.html" ;; *) exit "$code" ;; esac; \
    done; \
    [ -z "$invalid" ] || { echo "invalid, for an invariant was broken or nothing was said:$invalid" >&2; exit 1; }

# What real peers live through in virtual time, with a hundred seeds each
stories count='100':
    PEERLAB_SEEDS={{ count }} cargo test --release --manifest-path node/virtual/Cargo.toml --test stories

# The same two with a thousand: for the night
nightly: (seeds '1000') (stories '1000')

# Hold the model against real libp2p in virtual time, for every shipped scenario that fits: docs/fidelity.md
fidelity:
    cargo run --release --manifest-path node/virtual/Cargo.toml -- fidelity scenarios/*.yaml --out docs/fidelity.md

# Compare flooding, gossipsub and Plumtree for the same chat: docs/statistics.md
gossip-vs-flood-vs-plumtree *arguments:
    cargo run --release --package peerlab-simulator -- compare scenarios/chat-by-gossipsub.yaml \
        scenarios/chat-by-flood.yaml scenarios/chat-by-plumtree.yaml --out out/overlays "$@"

# Compare ten topologies for chat: the study in docs/study-which-topology-for-chat.md
topology-comparison *arguments:
    cargo run --release --package peerlab-simulator -- compare scenarios/chat-over-k-regular.yaml \
        scenarios/chat-over-full-mesh.yaml scenarios/chat-over-star.yaml scenarios/chat-over-ring.yaml \
        scenarios/chat-over-tree.yaml scenarios/chat-over-grid.yaml scenarios/chat-over-hypercube.yaml \
        scenarios/chat-over-small-world.yaml scenarios/chat-over-scale-free.yaml scenarios/chat-over-geographic.yaml \
        --out out/topologies "$@"

# Draw the pictures of README.md anew
images:
    cargo run --release --package peerlab-simulator -- run scenarios/chat-room.yaml --quiet --out out/images --force || test $? -eq 1
    cp out/images/charts/rooms-latency.png docs/images/chat-room-latency.png
