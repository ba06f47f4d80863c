# All that `validate` refuses is refused in a cluster: by kubectl as it reads, by the API server in the words of the schema or of a rule, or by the operator
# in those of `validate`.
# shellcheck shell=bash

# What kubectl reads otherwise than we do, so that it is right by the time that it arrives: YAML 1.1, where `no` is false; and more than one document.
read_otherwise=' boolean-for-kubectl boolean-of-yaml-1.1 document-two '

# first_error FILE: the first message of `validate`, kept beside the scenario. first_field FILE: the field that it is about.
first_error() { sed -n '1s/^error: //p' "${1%.yaml}.err"; }
first_field() { sed -n 's/^ *--> .* at \([^ ]*\)$/\1/p' "${1%.yaml}.err" | head -n 1; }

story_refused() {
    local file name told by_server=0 by_operator=0 by_rule=0
    for file in "$root"/scenarios/tests/broken/*.yaml; do
        name=$(basename "$file" .yaml)
        [[ $read_otherwise != *" $name "* ]] || continue
        if ! told=$(k create --validate=strict -f "$file" 2>&1); then
            by_server=$((by_server + 1))
            if grep -qF -- "$(first_error "$file")" <<<"$told"; then
                by_rule=$((by_rule + 1))
            fi
            continue
        fi
        name=$(k get -f "$file" -o 'jsonpath={.metadata.name}')
        until_so 30 "$file is refused" is_phase "$name" Refused
        told=$(message "$name" Accepted)
        grep -qF -- "$(first_error "$file")" <<<"$told" || fail "$file: told is: $told"
        grep -qF -- "$(first_field "$file")" <<<"$told" || fail "$file: the field is missing: $told"
        same 'its objects' '' "$(objects "$name")" >/dev/null
        k delete -f "$file" --wait >/dev/null
        by_operator=$((by_operator + 1))
    done
    echo "  refused by the API server: $by_server ($by_rule in the words of validate), by the operator, in its words: $by_operator"
    [ $((by_server + by_operator)) -ge 150 ] || fail 'those are too few'
    [ "$by_operator" -ge 20 ] || fail 'too few reach the operator'
    same 'scenarios that are left' '' "$(k get scenarios -o name)"
}
