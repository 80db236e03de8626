#compdef muster
# SPDX-License-Identifier: Apache-2.0
# zsh completion for muster: nouns, verbs and options from its own table, objects from the server
# (asked for at most a second). Install as _muster in a folder of $fpath.

_muster() {
	local word
	local -a before found

	# What is left of the cursor, without options: they may stand anywhere.
	for word in "${(@Q)words[2,CURRENT-1]}"; do
		[[ $word == -* ]] || before+=("$word")
	done
	found=("${(@f)$(timeout 1 muster complete -- "${before[@]}" 2>/dev/null)}")
	# Options are offered when one is begun.
	[[ ${words[CURRENT]} == -* ]] || found=("${(@)found:#-*}")
	compadd -a found
}

_muster "$@"
