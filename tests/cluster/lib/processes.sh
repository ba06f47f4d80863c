# Tells what of the cluster runs.
# shellcheck shell=bash

running() {
    [ -f "$state/pid/$1" ] && is_ours "$(<"$state/pid/$1")"
}

all_running() {
    local part
    for part in "${parts[@]}"; do
        running "$part" || return 1
    done
}

# Whether there is a cluster, though a part of it may have ended.
exists() {
    [ -L "$state/bin" ]
}

need_cluster() {
    if ! exists; then
        log 'is not up'
        exit 1
    fi
}

# Whether this cluster started the process. Its number in a file would not tell: numbers are given again.
is_ours() {
    grep -qzxF "PEERLAB_CLUSTER=$state" "/proc/$1/environ" 2>/dev/null
}

# The parts and what they started, containerd's shims among it. What runs in pods is not: it has an environment of its own.
our_processes() {
    grep --no-messages -lzxF "PEERLAB_CLUSTER=$state" /proc/[0-9]*/environ | cut -d / -f 3 || true
}

# pods_of PID...: what runs in pods: that which comes from processes of ours without being one.
pods_of() {
    { cat /proc/[0-9]*/status 2>/dev/null || true; } | awk -v ours="$*" '
        /^Pid:/ { pid = $2 }
        /^PPid:/ { parent[pid] = $2 }
        END {
            split(ours, list)
            for (i in list) is_ours[list[i]]
            for (pid in parent) {
                ancestor = parent[pid]
                while (ancestor in parent && !(ancestor in is_ours)) ancestor = parent[ancestor]
                if (ancestor in is_ours && !(pid in is_ours)) print pid
            }
        }'
}

# A zombie is gone, once all of its threads are: until then its ports are taken. In a container, nobody may ever collect it.
alive() {
    local threads
    threads=("/proc/$1/task/"*)
    if [ ${#threads[@]} -gt 1 ]; then
        return
    fi
    grep --no-messages ^State: "/proc/$1/status" | grep --quiet --invert-match zombie
}

status() {
    local part
    for part in "${parts[@]}" kwok; do
        if running "$part"; then
            printf '%-20s runs as process %s\n' "$part" "$(<"$state/pid/$part")"
        else
            printf '%-20s does not run\n' "$part"
        fi
    done
    need_cluster
    echo
    admin get nodes
    echo
    admin get pods --all-namespaces
}
