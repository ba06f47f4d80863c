# What a node changes of the kernel's settings for the whole machine, and how it was before.
# shellcheck shell=bash

# By us, the kubelet and kube-proxy.
kernel_settings=(
    net/ipv4/ip_forward net/ipv4/conf/all/route_localnet net/bridge/bridge-nf-call-iptables
    net/netfilter/nf_conntrack_max net/netfilter/nf_conntrack_tcp_timeout_close_wait
    net/netfilter/nf_conntrack_tcp_timeout_established
    kernel/panic kernel/panic_on_oops vm/overcommit_memory vm/panic_on_oom
)

save_kernel_settings() {
    local setting
    # Only with this module are there settings of the bridge. Some kernels have it built in.
    [ -d /proc/sys/net/bridge ] || modprobe br_netfilter || true
    for setting in "${kernel_settings[@]}"; do
        if [ -f "/proc/sys/$setting" ]; then
            echo "$setting $(<"/proc/sys/$setting")"
        fi
    done >"$state/kernel-settings"
}

restore_kernel_settings() {
    local setting value
    if [ ! -f "$state/kernel-settings" ]; then
        return
    fi
    while read -r setting value; do
        if [ "$(<"/proc/sys/$setting")" != "$value" ]; then
            echo "$value" >"/proc/sys/$setting"
        fi
    done <"$state/kernel-settings"
}

set_kernel() {
    echo "$2" >"/proc/sys/$1"
}
