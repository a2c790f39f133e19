# Completion of minidock for fish: minidock itself says what may come next, see cli/candidates.py.

function __minidock_complete
    set -l typed (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor | string unescape)
    for line in (command minidock __complete -- $typed[2..-1] "$current" 2>/dev/null)
        if test $line != :files
            printf '%s\n' $line
            continue
        end
        set -l flag (string match --regex -- '^--[^=]*=' $current)
        for path in (__fish_complete_path (string replace -- "$flag" '' $current))
            printf '%s%s\n' "$flag" $path
        end
    end
end

complete --command minidock --no-files --arguments '(__minidock_complete)'
