# All that `validate` refuses is refused in a cluster: by kubectl as it reads, by the API server in the words of the schema or of a rule, or by the operator
# in those of `validate`.
# shellcheck shell=bash

# What kubectl reads otherwise than we do, so that it is right by the time that it arrives: YAML 1.1, where `no` is false, `0100` is 64 and `1_000` is 1000;
# keys that are there twice, of which the last one counts; merge keys and tags; more than one document.
read_otherwise=' boolean-of-yaml-1.1 document-two key-twice key-twice-in-a-flow-map peers-with-a-leading-zero peers-with-a-separator syntax-merge-key syntax-tag '

# first_error FILE: the first message of `validate`, kept beside the scenario. first_field FILE: the field that it is about.
first_error() { sed -n '1s/^error: //p' "${1%.yaml}.err"; }
first_field() { sed -n 's/^ *--> .* at \([^ ]*\)$/\1/p' "${1%.yaml}.err" | head -n 1; }

# refused_by_operator FILE: that the operator refuses what the API server did not, in the words of `validate`, and makes nothing of it.
refused_by_operator() {
    local name told
    name=$(k get -f "$1" -o 'jsonpath={.metadata.name}')
    until_so 30 "$1 is refused" is_phase "$name" Refused || return 1
    told=$(message "$name" Accepted)
    grep -qF -- "$(first_error "$1")" <<<"$told" || fail "$1: told is: $told" || return 1
    grep -qF -- "$(first_field "$1")" <<<"$told" || fail "$1: the field is missing: $told" || return 1
    # A longer name is no label, so nothing could be found by it.
    [ ${#name} -gt 63 ] || [ -z "$(objects "$name")" ] || fail "$1 has objects" || return 1
}

story_refused() {
    local file told by_server=0 by_operator=0 by_rule=0 wrong=0
    for file in "$root"/scenarios/tests/broken/*.yaml; do
        [[ $read_otherwise != *" $(basename "$file" .yaml) "* ]] || continue
        if ! told=$(k create --validate=strict -f "$file" 2>&1); then
            by_server=$((by_server + 1))
            if grep -qF -- "$(first_error "$file")" <<<"$told"; then
                by_rule=$((by_rule + 1))
            fi
            continue
        fi
        if refused_by_operator "$file"; then
            by_operator=$((by_operator + 1))
        else
            wrong=$((wrong + 1))
        fi
        k delete -f "$file" --wait >/dev/null
    done
    echo "  refused by the API server: $by_server ($by_rule in the words of validate), by the operator, in its words: $by_operator"
    same 'those that were not' 0 "$wrong"
    [ $((by_server + by_operator)) -ge 150 ] || fail 'those are too few'
    [ "$by_operator" -ge 20 ] || fail 'too few reach the operator'
    same 'scenarios that are left' '' "$(k get scenarios -o name)"

    echo ' a shipped scenario that is right, and that real peers cannot run'
    k apply -f "$root/scenarios/nat-world.yaml" >/dev/null
    until_so 60 'it is refused' is_phase nat-world Refused
    same reason NotForRealPeers "$(reason nat-world Accepted)"
    echo "  $(message nat-world Accepted | head -n 1)"
    same 'what there is of it' '' "$(objects nat-world)"
    remove nat-world
}
