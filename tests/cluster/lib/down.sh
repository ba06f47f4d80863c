# Stops the cluster and undoes what it did to the machine.
# shellcheck shell=bash

down() {
    local ours pods
    if ! exists; then
        return
    fi
    # All are killed, as nothing that they could put in order is kept. The kubelet goes first, for it would start again whatever ends;
    # pods go before their shims, for they would outlive these and be nobody's.
    if running kubelet; then
        end "$(<"$state/pid/kubelet")"
    fi
    mapfile -t ours < <(our_processes)
    mapfile -t pods < <(pods_of "${ours[@]}")
    end "${pods[@]}"
    mapfile -t ours < <(our_processes)
    end "${ours[@]}"

    remove_what_is_elsewhere
    unmount_all
    remove_rules iptables
    remove_rules ip6tables
    ip link delete "$bridge" 2>/dev/null || true
    restore_kernel_settings
    rm -rf "$state"
    log 'is down'
}

# end PID...: kills them, and waits until they are gone.
end() {
    local pid
    for pid; do
        kill -s KILL "$pid" 2>/dev/null || true
    done
    for pid; do
        while alive "$pid"; do
            sleep 0.05
        done
    done
}

# Network namespaces go with their mounts, and with these the pods' ends of the bridge.
unmount_all() {
    local mount
    while read -r mount; do
        umount "$mount" || umount --lazy "$mount"
    done < <(awk -v below="$state/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r)
}

# remove_rules FAMILY: the chains of Kubernetes, and the rules that lead there. kube-proxy's own --cleanup forgets some.
remove_rules() {
    "$1-save" | awk '
        /^\*/ { print; flush = remove = "" }
        /^:KUBE-/ { chain = substr($1, 2); flush = flush "-F " chain "\n"; remove = remove "-X " chain "\n" }
        /^-A [^K].* -j KUBE-/ { sub(/^-A/, "-D"); print }
        /^COMMIT/ { printf "%s%s", flush, remove; print }
    ' | "$1-restore" --noflush
}

# What the kubelet and containerd write beside the cluster's folder, in places that they have no setting for.
remove_what_is_elsewhere() {
    local file container
    find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
    # Where a shim listens is written in its container's folder.
    for file in "$state"/containerd-run/io.containerd.runtime.v2.task/k8s.io/*/address; do
        [ ! -f "$file" ] || rm -f "$(sed 's|^unix://||' "$file")"
    done
    # Of these, only the one for the pod network has our name in it; the one for loopback has the same container's.
    for file in /var/lib/cni/results/peerlab-*-eth0; do
        container=$(basename "$file" -eth0)
        rm -f "/var/lib/cni/results/"*"-${container#peerlab-}-"*
    done
    find /var/log/containers -lname "$state/*" -delete 2>/dev/null || true
    rm -f "$device_plugin_socket"
    rmdir /var/lib/kubelet/device-plugins /var/lib/kubelet /var/lib/cni/results /var/lib/cni /var/log/containers \
        /run/containerd/s /run/containerd 2>/dev/null || true
}
