# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What Muster needs from Debian 12, and the one function that installs it. Sourced by
# deploy/quickstart and tests/run. docs/dependencies.md says what each package is for.

PACKAGES_BUILD=(build-essential meson ninja-build pkg-config protobuf-compiler protobuf-c-compiler
	libuv1-dev libgrpc-dev libprotobuf-c-dev libssl-dev libsqlite3-dev libwebsockets-dev
	libyajl-dev libjansson-dev libcurl4-openssl-dev libsnappy-dev libargon2-dev libudev-dev libxen-dev libmnl-dev libexpat1-dev
	libpcre2-dev libyaml-dev python3-yaml curl ca-certificates)
PACKAGES_TEST=(libcriterion-dev librrd-dev rrdtool clang-format gcovr shellcheck git python3
	python3-grpcio python3-protobuf python3-snappy python3-jsonschema openssl sqlite3 procps iproute2
	e2fsprogs xfsprogs btrfs-progs qemu-utils qemu-system-common qemu-guest-agent util-linux genisoimage prometheus zsh fish
	ansible python3-websocket)
PACKAGES_FUZZ=(clang libclang-rt-14-dev)
PACKAGES_LAB=(mmdebstrap qemu-system-x86 qemu-utils openssh-client e2fsprogs cpio gzip zstd uidmap python3
	gcc libc6-dev binutils)

# packages_need PACKAGE... : install those that are missing, as root or through sudo.
packages_need()
{
	local package as_root=() missing=()

	if ! command -v dpkg-query >/dev/null; then
		echo "not a Debian system: install these (or their like) by hand: $*" >&2
		return 0
	fi
	for package in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
		installed) ;;
		*) missing+=("$package") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "missing: ${missing[*]}; hint: install them as root, or install sudo" >&2
			return 1
		fi
		as_root=(sudo)
	fi
	echo "installing ${#missing[@]} packages: ${missing[*]}" >&2
	"${as_root[@]}" apt-get update -qq >&2 &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends "${missing[@]}" </dev/null >&2
}
