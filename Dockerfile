# The project's images: one static binary each, and nothing else.
#
#     docker build --target peerlab-node --tag peerlab-node .
#
# The last stages are all that `tests/cluster/cluster images` takes from here: it has no registry to pull a toolchain from, so it
# gives them binaries that cargo built on the host (`--build-context peerlab-node-build=FOLDER` puts a folder in that stage's place).

# On Alpine, binaries are linked statically unless one asks otherwise.
FROM rust:1-alpine AS source
RUN apk add --no-cache musl-dev
WORKDIR /peerlab
COPY . .
ENV CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_DEBUG=false

FROM source AS peerlab-node-build
RUN cargo build --locked --release --package peerlab-node && cp target/release/peerlab-node /

FROM scratch AS peerlab-node
COPY --from=peerlab-node-build /peerlab-node /
# By number, for runAsNonRoot cannot tell whether a name is root's.
USER 65532:65532
ENTRYPOINT ["/peerlab-node"]

FROM source AS peerlab-operator-build
RUN cargo build --locked --release --package peerlab-operator && cp target/release/peerlab-operator /

FROM scratch AS peerlab-operator
COPY --from=peerlab-operator-build /peerlab-operator /
USER 65532:65532
ENTRYPOINT ["/peerlab-operator"]
