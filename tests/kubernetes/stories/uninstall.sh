# Without the operator, scenarios and their results stay.
# shellcheck shell=bash

story_uninstall() {
    chat kept 5 4 '{peersPerPod: 10}' | apply
    complete kept
    helm uninstall peerlab --namespace "$operator_namespace" --wait >/dev/null
    same verdict pass "$(status kept verdict)"
    k get configmap/kept-result-1 >/dev/null
    k delete scenario/kept --wait >/dev/null
    until_so 60 'nothing is left' is_gone kept
    kubectl delete crd scenarios.peerlab.dev >/dev/null
    kubectl delete namespace "$lab" "$operator_namespace" >/dev/null
}
