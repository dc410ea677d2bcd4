# bash completion for virtc. (bash-completion loads it by its name; or: source <(virtc completion bash))
# shellcheck shell=bash

_virtc() {
  # The words as virtc would be passed them, up to the cursor: bash also splits them at '=' and ':'.
  local -a words=()
  local rest=${COMP_LINE:0:COMP_POINT} word space i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    space=${rest%%[![:space:]]*}
    rest=${rest#"$space"}
    if ((i < COMP_CWORD)); then word=${COMP_WORDS[i]}; else word=$rest; fi
    rest=${rest#"$word"}
    if [[ -z $space && ${#words[@]} -gt 0 ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
  done
  local current=${words[${#words[@]} - 1]}
  # What stands in front of the last '=' or ':' stays on the line.
  local kept=${current%"${current##*[=:]}"}
  [[ $COMP_WORDBREAKS == *=* && $COMP_WORDBREAKS == *:* ]] || kept=

  local program=${words[0]/#\~\//$HOME/} line paths=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) paths=-f ;;
      :directories) paths=-d ;;
      *)
        line=${line%%$'\t'*}
        [[ $line != "$current"* ]] || COMPREPLY+=("${line#"$kept"}")
        ;;
    esac
  done < <("$program" __complete -- "${words[@]}" 2>/dev/null)
  if [[ -n $paths ]]; then
    compopt -o filenames 2>/dev/null
    local -a found
    mapfile -t found < <(compgen "$paths" -- "${current#"$kept"}")
    COMPREPLY+=("${found[@]}")
  fi
}

complete -F _virtc virtc
