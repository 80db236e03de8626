# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion for muster: nouns, verbs and options from its own table, objects from the server
# (asked for at most a second). Install as /usr/share/bash-completion/completions/muster.

_muster()
{
	local word=${COMP_WORDS[COMP_CWORD]} words=() i

	# What is left of the cursor, without options: they may stand anywhere.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	COMPREPLY=()
	while IFS= read -r i; do
		case $i in
		"$word"*) COMPREPLY+=("$i") ;;
		esac
	done < <(timeout 1 muster complete -- "${words[@]}" 2>/dev/null)
	# Options are offered when one is begun.
	case $word in
	-*) ;;
	*) for i in "${!COMPREPLY[@]}"; do
		case ${COMPREPLY[i]} in -*) unset "COMPREPLY[i]" ;; esac
	done ;;
	esac
}
complete -F _muster muster
