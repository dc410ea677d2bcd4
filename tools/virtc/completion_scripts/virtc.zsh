#compdef virtc
# zsh completion for virtc. (In a directory of $fpath as _virtc; or: source <(virtc completion zsh))

compdef _virtc virtc

_virtc() {
  local line paths= program=${(Q)words[1]}
  local -a candidates
  for line in "${(@f)$(${~program} __complete -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :files) paths=_files ;;
      :directories) paths='_files -/' ;;
      *) candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  if [[ -n $paths ]]; then
    # Of "--rootfs=DIR" only the value is a path.
    compset -P '--[^=]#='
    ${=paths}
  else
    _describe -t virtc virtc candidates
  fi
}

# Called at once where it is loaded by its name.
if [[ ${funcstack[1]} == _virtc ]]; then
  _virtc "$@"
fi
