# A certificate authority that lasts as long as the cluster, and who may do what by its certificates.
# shellcheck shell=bash

ca=$state/pki/ca

# certificate NAME SUBJECT [ALTERNATIVE-NAMES]: NAME.key and NAME.crt in pki/, signed by the cluster's authority.
certificate() {
    local name=$state/pki/$1 extensions='extendedKeyUsage=clientAuth,serverAuth'
    if [ -n "${3:-}" ]; then
        extensions+=$'\nsubjectAltName='$3
    fi
    new_key -keyout "$name.key" -subj "$2" -out "$name.csr"
    openssl x509 -req -in "$name.csr" -CA "$ca.crt" -CAkey "$ca.key" -CAcreateserial -days 365 \
        -extfile <(echo "$extensions") -out "$name.crt" 2>/dev/null
    rm "$name.csr"
}

# On elliptic curves, as RSA keys take seconds to find.
new_key() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@" 2>/dev/null
}

# user NAME SUBJECT: a certificate for a user of the API server, and a kubeconfig that holds it. Kubernetes reads O as a group.
user() {
    certificate "$1" "$2"
    render kubeconfig.yaml "$state/$1.kubeconfig" NAME="$1"
}

make_credentials() {
    mkdir -m 700 "$state/pki"
    new_key -x509 -days 365 -subj '/CN=peerlab test cluster' -keyout "$ca.key" -out "$ca.crt"
    certificate apiserver /CN=kube-apiserver \
        "IP:$node_address,IP:$first_service_address,DNS:localhost,DNS:kubernetes.default.svc,DNS:kubernetes.default"
    certificate kubelet-client '/O=system:masters/CN=kube-apiserver-kubelet-client'
    user admin '/O=system:masters/CN=admin'
    user controller-manager /CN=system:kube-controller-manager
    user scheduler /CN=system:kube-scheduler
    user kubelet "/O=system:nodes/CN=system:node:$node_name"
    user proxy /CN=system:kube-proxy
    user dns '/O=system:masters/CN=dns'
    user kwok '/O=system:masters/CN=kwok'

    # What the API server signs the tokens of service accounts with.
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$state/pki/service-accounts.key" 2>/dev/null
    openssl pkey -in "$state/pki/service-accounts.key" -pubout -out "$state/pki/service-accounts.pub"
}
