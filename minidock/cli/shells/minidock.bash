# Completion of minidock for bash: minidock itself says what may come next, see cli/candidates.py.
#
# Nothing that is typed, nor any candidate, is ever evaluated: no eval, and no compgen -W, which would expand it.

_minidock() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() word line value about files= LC_ALL=C
    local -A abouts=()

    # The words up to the cursor. Readline has cut them at each = and : as well: what no space divides is one.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD}"; do
        if [[ ${#words[@]} == 0 || $rest == [[:space:]]* ]]; then
            words+=("$word")
        else
            words[-1]+=$word
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
    done
    if [[ $rest == [[:space:]]* ]]; then
        words+=("${rest#"${rest%%[![:space:]]*}"}")
    else
        words[-1]+=$rest
    fi

    # What readline will replace begins after the last = or :, unless that stands in quotes.
    word=${words[-1]}
    local breaks=${COMP_WORDBREAKS//[^=:@]/} kept=
    if [[ $breaks && $word != [\"\']* ]]; then
        kept=${word%"${word##*["$breaks"]}"}
    fi

    words=("${words[@]//[\"\'\\]/}")
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            files=yes
            continue
        fi
        value=${line%%$'\t'*} about=${line#*$'\t'}
        value=${value#"$kept"}
        if [[ $value ]]; then
            COMPREPLY+=("$value")
            abouts[$value]=$about
        fi
    done < <(command minidock __complete -- "${words[@]:1}" 2>/dev/null)

    if [[ $files ]]; then
        compopt -o filenames
        word=${word#"$kept"}
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen -f -- "${word#[\"\']}")
    elif [[ $COMP_TYPE == 63 && ${#COMPREPLY[@]} -gt 1 ]]; then # a list is shown, nothing is inserted
        for word in "${!COMPREPLY[@]}"; do
            about=${abouts[${COMPREPLY[word]}]}
            [[ $about ]] && COMPREPLY[word]+="  ($about)"
        done
    fi
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=,] ]]; then
        compopt -o nospace
    fi
}

complete -F _minidock minidock
