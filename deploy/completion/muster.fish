# SPDX-License-Identifier: Apache-2.0
# fish completion for muster: nouns, verbs and options from its own table, objects from the server
# (asked for at most a second). Install as /usr/share/fish/vendor_completions.d/muster.fish.

function __muster_candidates
    # What is left of the cursor, without options: they may stand anywhere.
    set -l words (commandline -opc)
    set -e words[1]
    set -l found (timeout 1 muster complete -- (string match -v -- '-*' $words) 2>/dev/null)
    # Options are offered when one is begun.
    if string match -q -- '-*' (commandline -ct)
        string join \n -- $found
    else
        string match -v -- '-*' $found
    end
end

complete -c muster -f -a '(__muster_candidates)'
