# bash completion for probe
# Made from the code by `make references`; do not edit.

_probe() {
    local current=$2 previous=$3 path=probe word options= commands= with_file= with_value= files=
    local -A choices=()
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$path $word" in
            "probe check" | "probe sweep" | "probe judge" | "probe replay" | "probe explain" | "probe setup" | "probe run" | "probe status" | "probe pause" | "probe resume" | "probe forget" | "probe enrol" | "probe outbox" | "probe outbox export" | "probe outbox import" | "probe outbox list" | "probe doctor" | "probe bug-report" | "probe verify" | "probe collector" | "probe collector agents" | "probe collector agents list" | "probe collector agents network" | "probe collector agents revoke" | "probe collector agents rotate" | "probe collector agents show" | "probe collector audit" | "probe collector backup" | "probe collector follow" | "probe collector following" | "probe collector forget" | "probe collector import" | "probe collector load-ooni" | "probe collector log" | "probe collector log export" | "probe collector log key" | "probe collector log recover" | "probe collector migrate" | "probe collector move" | "probe collector notify-test" | "probe collector register" | "probe collector restore" | "probe collector revoke" | "probe collector seed-demo" | "probe collector serve" | "probe collector subscribe" | "probe collector subscriptions" | "probe collector token" | "probe collector unfollow" | "probe collector unsubscribe" | "probe ooni" | "probe ooni read" | "probe ooni transitions" | "probe ooni write" | "probe targets" | "probe targets diff" | "probe targets fetch" | "probe targets import" | "probe targets list" | "probe targets sample" | "probe targets show" | "probe targets validate" | "probe help") path="$path $word" ;;
        esac
    done
    case "$path" in
        "probe")
            options="-V --version -h --help"
            commands="check sweep judge replay explain setup run status pause resume forget enrol outbox doctor bug-report verify collector ooni targets help"
            ;;
        "probe check")
            options="--targets --strict --json --control --trusted-resolver --anchor --domestic-anchor --timeout --concurrency --pace --localise --send --packets --pcap --config -h --help"
            with_file="--targets --control --config"
            with_value="--targets --control --trusted-resolver --anchor --domestic-anchor --timeout --concurrency --pace --config"
            files="yes"
            ;;
        "probe sweep")
            options="--output --state --every --jobs --progress --dry-run --round-connections --round-bytes --strict --control --trusted-resolver --anchor --domestic-anchor --timeout --concurrency --pace --localise --send --packets --pcap --config -h --help"
            with_file="--output --state --control --config"
            with_value="--output --state --every --jobs --round-connections --round-bytes --control --trusted-resolver --anchor --domestic-anchor --timeout --concurrency --pace --config"
            files="yes"
            ;;
        "probe judge")
            options="-h --help"
            files="yes"
            ;;
        "probe replay")
            options="-h --help"
            files="yes"
            ;;
        "probe explain")
            options="--svg --json --config -h --help"
            with_file="--svg --config"
            with_value="--svg --config"
            files="yes"
            ;;
        "probe setup")
            options="--accept-risks --asn --country --services --collector --token-file --enrol-later --start --metered --unmetered --mmdb --state --config --force -h --help"
            with_file="--token-file --mmdb --state --config"
            with_value="--asn --country --services --collector --token-file --start --mmdb --state --config"
            ;;
        "probe run")
            options="--once --time-limit --dry-run --check-config --i-understand --config -v --verbose -h --help"
            with_file="--config"
            with_value="--time-limit --config"
            ;;
        "probe status")
            options="--json --config -h --help"
            with_file="--config"
            with_value="--config"
            ;;
        "probe pause")
            options="--for --config -h --help"
            with_file="--config"
            with_value="--for --config"
            ;;
        "probe resume")
            options="--config -h --help"
            with_file="--config"
            with_value="--config"
            ;;
        "probe forget")
            options="--yes --local-only --config -h --help"
            with_file="--config"
            with_value="--config"
            ;;
        "probe enrol")
            options="--token-file --role --again --config -h --help"
            with_file="--token-file --config"
            with_value="--token-file --role --config"
            choices[--role]="vantage control"
            ;;
        "probe outbox")
            options="-h --help"
            commands="export import list"
            ;;
        "probe outbox export")
            options="--all --collector --config -h --help"
            with_file="--config"
            with_value="--collector --config"
            files="yes"
            ;;
        "probe outbox import")
            options="--config -h --help"
            with_file="--config"
            with_value="--config"
            files="yes"
            ;;
        "probe outbox list")
            options="--all --json --collector --config -h --help"
            with_file="--config"
            with_value="--collector --config"
            ;;
        "probe doctor")
            options="--local --json --config -h --help"
            with_file="--config"
            with_value="--config"
            ;;
        "probe bug-report")
            options="--with-targets --log --local -o --output --config -h --help"
            with_file="--log -o --output --config"
            with_value="--log -o --output --config"
            ;;
        "probe verify")
            options="--proof --key --witness --log --since --save -h --help"
            with_file="--proof --since --save"
            with_value="--proof --key --witness --log --since --save"
            ;;
        "probe collector")
            options="-h --help"
            commands="agents audit backup follow following forget import load-ooni log migrate move notify-test register restore revoke seed-demo serve subscribe subscriptions token unfollow unsubscribe"
            ;;
        "probe collector agents")
            options="-h --help"
            commands="list network revoke rotate show"
            ;;
        "probe collector agents list")
            options="--db --json -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector agents network")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector agents revoke")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector agents rotate")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector agents show")
            options="--db --json -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector audit")
            options="--db --json --most -h --help"
            with_file="--db"
            with_value="--db --most"
            ;;
        "probe collector backup")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            files="yes"
            ;;
        "probe collector follow")
            options="--db --key -h --help"
            with_file="--db"
            with_value="--db --key"
            ;;
        "probe collector following")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector forget")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector import")
            options="--db --origin --clock -h --help"
            with_file="--db"
            with_value="--db --origin --clock"
            files="yes"
            ;;
        "probe collector load-ooni")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector log")
            options="-h --help"
            commands="export key recover"
            ;;
        "probe collector log export")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            files="yes"
            ;;
        "probe collector log key")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector log recover")
            options="--db --begin-anew -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector migrate")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector move")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector notify-test")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector register")
            options="--db --country -h --help"
            with_file="--db"
            with_value="--db --country"
            files="yes"
            ;;
        "probe collector restore")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            files="yes"
            ;;
        "probe collector revoke")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector seed-demo")
            options="--db --services --networks --vantages --days --seed -h --help"
            with_value="--db --services --networks --vantages --days --seed"
            ;;
        "probe collector serve")
            options="--db --listen --origin --trusted-proxy --clock --control --accept-risks --dry-run --trust-control --config --roles --shadow --canaries -h --help"
            with_file="--db --config --canaries"
            with_value="--db --listen --origin --trusted-proxy --clock --trust-control --config --roles --shadow --canaries"
            ;;
        "probe collector subscribe")
            options="--db --service --country --network --kind --confirmed --digest --allow-private -h --help"
            with_file="--db"
            with_value="--db --service --country --network --kind --digest"
            choices[--kind]="blocked throttled unblocked confirmed disputed withdrawn listed delisted"
            ;;
        "probe collector subscriptions")
            options="--db --json -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector token")
            options="--db --sponsor --role --ttl --clock -h --help"
            with_file="--db"
            with_value="--db --sponsor --role --ttl --clock"
            choices[--role]="vantage control"
            ;;
        "probe collector unfollow")
            options="--db --erase -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe collector unsubscribe")
            options="--db -h --help"
            with_file="--db"
            with_value="--db"
            ;;
        "probe ooni")
            options="-h --help"
            commands="read transitions write"
            ;;
        "probe ooni read")
            options="--out --jobs --alone -h --help"
            with_file="--out"
            with_value="--out --jobs"
            ;;
        "probe ooni transitions")
            options="--state --table --jobs -h --help"
            with_file="--state"
            with_value="--state --jobs"
            ;;
        "probe ooni write")
            options="-h --help"
            ;;
        "probe targets")
            options="-h --help"
            commands="diff fetch import list sample show validate"
            ;;
        "probe targets diff")
            options="--format --json --any-size --entry-type --decision --category -h --help"
            with_value="--format --entry-type --decision --category"
            files="yes"
            ;;
        "probe targets fetch")
            options="--into --again --entry-type --decision --category -h --help"
            with_file="--into"
            with_value="--into --entry-type --decision --category"
            ;;
        "probe targets import")
            options="-o --output --entry-type --decision --category --asn --delete -h --help"
            with_file="-o --output"
            with_value="-o --output --entry-type --decision --category --asn"
            files="yes"
            ;;
        "probe targets list")
            options="--default -h --help"
            ;;
        "probe targets sample")
            options="--sample --week --control --prefixes -h --help"
            with_file="--control --prefixes"
            with_value="--sample --week --control --prefixes"
            ;;
        "probe targets show")
            options="-h --help"
            ;;
        "probe targets validate")
            options="-h --help"
            files="yes"
            ;;
        "probe help")
            options="-h --help"
            ;;
    esac
    if [[ -n ${choices[$previous]-} ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${choices[$previous]}" -- "$current")
    elif [[ " $with_file " == *" $previous "* ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    elif [[ " $with_value " == *" $previous "* ]]; then
        return
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ -n $commands ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
    elif [[ -n $files ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -F _probe probe
