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

need_running() {
    if ! all_running; then
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
    local directory
    for directory in /proc/[0-9]*; do
        if is_ours "${directory#/proc/}"; then
            echo "${directory#/proc/}"
        fi
    done
}

# pods_of PID...: what runs in pods: that which comes from processes of ours without being one.
pods_of() {
    local pid child
    for pid; do
        while read -r child; do
            is_ours "$child" || echo "$child"
            pods_of "$child"
        done < <(grep --no-messages --files-with-matches --line-regexp "PPid:[[:space:]]*$pid" /proc/[0-9]*/status | cut -d / -f 3)
    done
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
    need_running
    echo
    admin get nodes
    echo
    admin get pods --all-namespaces
}
