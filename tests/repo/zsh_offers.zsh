# What zsh offers on TAB, one a line: a real interactive zsh on a terminal, whose compadd writes down what it is given.
# Arguments: the directory of the completion function, the line that is typed, and a file for the answer.
zmodload zsh/zpty
export OFFERED=$3
cat > $OFFERED.rc <<'RC'
PROMPT=ready
compadd() {
    [[ ${@[1,(i)(-|--)]} == *-[OAD]\ * ]] && { builtin compadd "$@"; return; }
    local -a offered
    builtin compadd -A offered "$@"
    print -rl -- $offered >> $OFFERED
    builtin compadd "$@"
}
finish() { print -r -- end >> $OFFERED; exit }
zle -N finish
autoload -Uz compinit
compinit -u -D
bindkey '^I' complete-word
bindkey '^X' finish
RC
FPATH=$1:$FPATH zpty shell zsh -f -i
zpty -w shell "fpath=($1 \$fpath); source $OFFERED.rc"
zpty -r -m shell output '*ready*'
zpty -w -n shell "$2"$'\t\x18'
while zpty -r shell output; do :; done
