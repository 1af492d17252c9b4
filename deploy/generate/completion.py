"""Completion for bash, zsh and fish: static scripts, because a start of the program at each Tab would be felt."""

from __future__ import annotations

from deploy.generate.command_tree import DocumentedCommand, DocumentedOption, command_tree

NOTE = "# Made from the code by `make references`; do not edit."

BASH = """\
# bash completion for probe
{note}

_probe() {{
    local current=$2 previous=$3 path=probe word options= commands= with_file= with_value= files=
    local -A choices=()
    COMPREPLY=()
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$path $word" in
            {paths}) path="$path $word" ;;
        esac
    done
    case "$path" in
{cases}
    esac
    if [[ -n ${{choices[$previous]-}} ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${{choices[$previous]}}" -- "$current")
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
}}
complete -F _probe probe
"""

ZSH = """\
#compdef probe
{note}

{functions}
_probe "$@"
"""

FISH = """\
# fish completion for probe
{note}

function __probe_path
    set -l path probe
    for word in (commandline -opc)[2..-1]
        switch "$path $word"
            case {paths}
                set path "$path $word"
        end
    end
    echo $path
end

function __probe_at
    test (__probe_path) = "$argv"
end

complete -c probe -f
{lines}
"""


def completions() -> dict[str, str]:
    """Name of a file, as each shell looks for it -> the script."""
    tree = command_tree()
    every = list(tree.below())
    return {"probe.bash": _bash(every), "_probe": _zsh(every), "probe.fish": _fish(every)}


def _paths(every: list[DocumentedCommand], separator: str, quote: str = '"') -> str:
    return separator.join(f"{quote}{' '.join(one.words)}{quote}" for one in every if len(one.words) > 1)


def _bash(every: list[DocumentedCommand]) -> str:
    cases = []
    for one in every:
        options = [spelling for option in one.options for spelling in option.spellings]
        parts = {
            "options": options,
            "commands": [child.words[-1] for child in one.commands],
            "with_file": [s for option in one.options if option.takes_file for s in option.spellings],
            "with_value": [s for option in one.options if option.value for s in option.spellings],
            "files": ["yes"] if one.takes_files else [],
        }
        words = [f'{name}="{" ".join(values)}"' for name, values in parts.items() if values]
        words += [
            f'choices[{spelling}]="{" ".join(option.choices)}"'
            for option in one.options
            if option.choices
            for spelling in option.spellings
        ]
        body = "\n".join(f"            {word}" for word in words)
        cases.append(f'        "{" ".join(one.words)}")\n{body}\n            ;;')
    return BASH.format(note=NOTE, paths=_paths(every, " | "), cases="\n".join(cases))


def _zsh(every: list[DocumentedCommand]) -> str:
    return ZSH.format(note=NOTE, functions="\n".join(map(_zsh_function, every)))


def _zsh_function(one: DocumentedCommand) -> str:
    name = _zsh_name(one)
    rows = [row for option in one.options for row in _zsh_option(option)]
    if one.commands:
        rows += ["'1: :->command'", "'*:: :->words'"]
    elif one.takes_files:
        rows.append("'*:file:_files'")
    lines = [f"{name}() {{", "    local context state state_descr line", "    typeset -A opt_args"]
    lines.append("    _arguments " + " \\\n        ".join(["-s", *rows]))
    if one.commands:
        lines.append("    case $state in")
        lines.append("        command)")
        lines.append("            local -a commands=(")
        lines += [f"                '{child.words[-1]}:{_zsh_text(child.summary)}'" for child in one.commands]
        lines += ["            )", "            _describe command commands", "            ;;", "        words)"]
        lines.append("            case $line[1] in")
        lines += [f"                {child.words[-1]}) {_zsh_name(child)} ;;" for child in one.commands]
        lines += ["            esac", "            ;;", "    esac"]
    return "\n".join([*lines, "}", ""])


def _zsh_name(one: DocumentedCommand) -> str:
    return "_" + "_".join(word.replace("-", "_") for word in one.words)


def _zsh_option(option: DocumentedOption) -> list[str]:
    action = ""
    if option.value:
        values = f"({' '.join(option.choices)})" if option.choices else "_files" if option.takes_file else ""
        action = f":{_zsh_text(option.value)}:{values}"
    # A star: the option may be given again.
    return [f"'*{spelling}[{_zsh_text(option.about)}]{action}'" for spelling in option.spellings]


def _zsh_text(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, f"\\{character}")
    return text.replace("'", "'\\''")


def _fish(every: list[DocumentedCommand]) -> str:
    lines = []
    for one in every:
        condition = f"complete -c probe -n '__probe_at {' '.join(one.words)}'"
        lines += [
            f"{condition} -a {child.words[-1]} -d {_fish_text(_first_words(child.summary))}" for child in one.commands
        ]
        if one.takes_files:
            lines.append(f"{condition} -F")
        lines += [f"{condition} {_fish_option(option)}" for option in one.options]
    return FISH.format(note=NOTE, paths=_paths(every, " ", "'"), lines="\n".join(lines))


def _fish_option(option: DocumentedOption) -> str:
    words = [f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}" for one in option.spellings]
    if option.choices:
        words.append(f"-x -a {_fish_text(' '.join(option.choices))}")
    elif option.value:
        words.append("-r -F" if option.takes_file else "-x")
    return " ".join([*words, f"-d {_fish_text(_first_words(option.about))}"])


def _first_words(text: str) -> str:
    return text.partition(". ")[0].rstrip(".")


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
