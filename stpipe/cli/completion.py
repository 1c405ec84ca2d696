"""Tab completion of ``strun`` and ``stpipe``: scripts for the shells, and the answers that they ask for.

A script calls ``stpipe complete SHELL WORD … CURRENT`` with the words up to the cursor. The answer has one candidate
per line, followed by a tab and what it means; a first line ``:files`` asks the shell for names of files as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from stpipe.cli.arguments import BUILT_IN, OptionKind, find_step

__all__ = ["Answer", "Candidate", "answer", "candidates", "script"]

FILES = ":files"
_LOG_VALUES = {
    "log-level": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    "log-stream": ("stderr", "stdout", "null"),
    "jobs": ("quarter", "half", "all"),
}
_STPIPE_COMMANDS = {
    "list": "list the steps and pipelines",
    "describe": "show a step",
    "provenance": "show what made a product",
    "run": "run a recipe",
    "completion": "print a completion script",
}
_STPIPE_OPTIONS = {
    "list": ("--pipelines-only", "--steps-only"),
    "provenance": ("--all",),
    "run": (
        "--group", "--success", "--failure", "--loader", "--dir", "--input", "--jobs", "--executor", "--dask",
        "--dask-folder", "--timeout", "--artifacts", "--project", "--allow-code", "--dry-run", "--log-level",
        "--log-file",
    ),
}  # fmt: skip


class Candidate(NamedTuple):
    """One completion: the whole word, and what it means."""

    word: str
    meaning: str = ""


class Answer(NamedTuple):
    """What may stand at the cursor: words, and perhaps any file."""

    words: tuple[Candidate, ...] = ()
    files: bool = False


def candidates(words: Sequence[str]) -> Answer:
    """Complete a command line.

    Parameters
    ----------
    words : sequence of str
        Command, arguments, and the word at the cursor as far as it is typed (empty for a new one).

    Returns
    -------
    Answer
        Only words that begin with what is typed.
    """
    command, *arguments = words or ("strun",)
    current = arguments.pop() if arguments else ""
    complete = _stpipe if command.rpartition("/")[2] == "stpipe" else _strun
    found = complete(arguments, current)
    return Answer(tuple(item for item in found.words if item.word.startswith(current)), found.files)


def _strun(arguments: Sequence[str], current: str) -> Answer:
    own: dict[str, OptionKind] = {}
    if arguments[:1] == ["batch"]:
        from stpipe.cli.batch_options import OPTIONS, split_options

        own, arguments = OPTIONS, arguments[1:]
        if arguments and arguments[-1].removeprefix("--") in own and own[arguments[-1].removeprefix("--")].metavar:
            return _values(arguments[-1][2:], own[arguments[-1][2:]], "")
        arguments = split_options(arguments)[1]
    step, _ = find_step(arguments)
    kinds = {**BUILT_IN, **own, **(_parameters_of(step) if step else {})}
    if current.startswith("--"):
        return _option(current, kinds)
    before = arguments[-1] if arguments else ""
    if before.startswith("--") and "=" not in before and before[2:] in kinds and kinds[before[2:]].metavar:
        return _values(before[2:], kinds[before[2:]], "")
    if step is None:
        batch = () if own else (Candidate("batch", "run a step on each of many exposures"),)
        return Answer((*batch, *_steps(current)), files=True)
    return Answer(files=True)


def _parameters_of(step: str) -> dict[str, OptionKind]:
    """Options of a step; none where it cannot be loaded."""
    from stpipe.cli.help import parameter_kinds
    from stpipe.cli.strun import find_class

    try:
        return parameter_kinds(find_class(step)[0])
    except Exception:  # a step that cannot be imported must not break the shell's line
        return {}


def _option(current: str, kinds: dict[str, OptionKind]) -> Answer:
    """Complete the name of an option, or its value behind ``=``."""
    name, equals, _ = current[2:].partition("=")
    if equals:
        return _values(name, kinds.get(name, OptionKind("FILE")), f"--{name}=")
    return Answer(tuple(_option_names(current, kinds)))


def _option_names(current: str, kinds: dict[str, OptionKind]) -> Iterator[Candidate]:
    """Names of options; those of sub-steps first by step only, until one step is left."""
    prefixes: dict[str, int] = {}
    for name, kind in kinds.items():
        *path, last = name.split(".")
        if path and not f"--{name}".startswith(current):
            continue
        if path and not current.startswith(f"--{'.'.join(path)}."):
            prefixes[f"--{'.'.join(path[: _depth(path, current)])}."] = 1
            continue
        ending = "=" if kind.metavar else ""
        yield Candidate(f"--{name}{ending}", kind.help)
    for prefix in prefixes:
        meaning = "parameters of the steps" if prefix.endswith("steps.") else "parameters of this step"
        yield Candidate(prefix, meaning)


def _depth(path: Sequence[str], current: str) -> int:
    """How many parts of ``steps.jump`` to offer: the first ones that what is typed does not settle yet."""
    for count in range(1, len(path)):
        if not current.startswith(f"--{'.'.join(path[:count])}."):
            return count
    return len(path)


def _values(name: str, kind: OptionKind, prefix: str) -> Answer:
    values = kind.choices or _LOG_VALUES.get(name, ())
    takes_file = not values and (kind.metavar == "FILE" or name.rpartition(".")[2] in ("output_dir", "input_dir"))
    return Answer(tuple(Candidate(f"{prefix}{value}") for value in values), files=takes_file)


def _steps(current: str) -> Iterator[Candidate]:
    """Every alias, with its package where one is being typed, and class paths where a dot is."""
    from stpipe.entry_points import get_steps

    for info in sorted(get_steps()):
        package, name = info.class_name.partition(".")[0], info.class_name.rpartition(".")[2]
        if "." in current or not info.class_alias:
            yield Candidate(info.class_name)
        else:
            yield Candidate(f"{package}::{info.class_alias}" if "::" in current else info.class_alias, name)


def _stpipe(arguments: Sequence[str], current: str) -> Answer:
    if not arguments:
        return Answer(tuple(Candidate(name, meaning) for name, meaning in _STPIPE_COMMANDS.items()))
    if current.startswith("-"):
        return Answer(tuple(Candidate(option) for option in _STPIPE_OPTIONS.get(arguments[0], ())))
    if arguments[0] in ("describe", "list"):
        return Answer(tuple(_steps(current)), files=arguments[0] == "describe")
    if arguments[0] == "completion":
        return Answer(tuple(map(Candidate, SCRIPTS)))
    return Answer(files=True)


def answer(arguments: Sequence[str]) -> str:
    """Answer a shell: ``arguments`` are the shell, then the words of `candidates`.

    In bash ``=`` and ``:`` end a word: the words are put together again here, and only what follows the last of these
    signs is given back.
    """
    shell, *words = arguments or ("bash", "strun")
    if shell != "bash":
        return "".join(_answer_lines(candidates(words)))
    joined = _joined(words)
    found = candidates(joined)
    current = joined[-1] if joined else ""
    cut = max(current.rfind("="), current.rfind(":")) + 1
    return "".join(_answer_lines(Answer(tuple(Candidate(item.word[cut:]) for item in found.words), found.files)))


def _joined(words: Iterable[str]) -> list[str]:
    """Words as the shell will see them, put together where bash has split them at ``=`` and ``:``."""
    joined: list[str] = []
    glue = False
    for word in words:
        signs = bool(word) and not word.strip("=:")
        if (signs or glue) and len(joined) > 1:
            joined[-1] += word
        else:
            joined.append(word)
        glue = signs
    return joined


def _answer_lines(found: Answer) -> Iterator[str]:
    if found.files:
        yield f"{FILES}\n"
    for item in found.words:
        meaning = " ".join(item.meaning.split())
        yield f"{item.word}\t{meaning}\n" if meaning else f"{item.word}\n"


def script(shell: str) -> str:
    """Return the script that makes a shell complete ``strun`` and ``stpipe``."""
    return SCRIPTS[shell]


_BASH = r"""# Tab completion of strun and stpipe for bash.
# Use it now:      eval "$(stpipe completion bash)"
# Use it always:   stpipe completion bash > ~/.local/share/bash-completion/completions/strun
_stpipe_complete() {
    local current=${COMP_WORDS[COMP_CWORD]} line words=() files=
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then files=1; else words+=("${line%%$'\t'*}"); fi
    done < <(stpipe complete bash "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
    case $current in "=" | ":" | "::") current= ;; esac
    COMPREPLY=("${words[@]}")
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    fi
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=.] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _stpipe_complete strun stpipe
"""

_ZSH = r"""#compdef strun stpipe
# Tab completion of strun and stpipe for zsh.
# Use it now:      eval "$(stpipe completion zsh)"      (after compinit)
# Use it always:   stpipe completion zsh > a file _strun in a folder of $fpath
_stpipe_complete() {
    local line word files=
    local -a plain open plain_texts open_texts
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then files=1; continue; fi
        word=${line%%$'\t'*}
        if [[ $word == *[=.] ]]; then
            open+=("$word"); open_texts+=("${line//$'\t'/  -- }")
        else
            plain+=("$word"); plain_texts+=("${line//$'\t'/  -- }")
        fi
    done < <(stpipe complete zsh "${(@)words[1,CURRENT]}" 2>/dev/null)
    (( $#plain )) && compadd -l -d plain_texts -a plain
    (( $#open )) && compadd -l -S '' -d open_texts -a open
    if [[ -n $files ]]; then compset -P '--*='; _files; fi
}
compdef _stpipe_complete strun stpipe
"""

_FISH = r"""# Tab completion of strun and stpipe for fish.
# Use it now:      stpipe completion fish | source
# Use it always:   stpipe completion fish > ~/.config/fish/completions/strun.fish
function __stpipe_complete
    set -l current (commandline -ct)
    set -l lines (stpipe complete fish (commandline -opc) "$current" 2>/dev/null)
    for line in $lines
        if test "$line" = ":files"
            if string match -q -- '--*=*' "$current"
                set -l option (string split -m 1 = -- "$current")
                __fish_complete_path "$option[2]" | string replace -r -- '^' "$option[1]="
            else
                __fish_complete_path "$current"
            end
        else
            printf '%s\n' $line
        end
    end
end
complete -c strun -f -a '(__stpipe_complete)'
complete -c stpipe -f -a '(__stpipe_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
