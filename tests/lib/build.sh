# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# build.sh: from the sources, in whatever state the tree is, to an installed tree.  Sourced by ./check and ./demo.

build_stale() {	# the generated configure or Makefile.in is older than what it is made of
	local f
	[ -e configure ] && [ -e Makefile.in ] && [ -e config.h.in ] || return 0
	while read -r f; do
		[ ! "$f" -nt Makefile.in ] || return 0
	done < <(find configure.ac Makefile.am agent contrib engine tests -name '*.ac' -o -name '*.am' -o -name local.mk)
	return 1
}

# build_tree FOLDER [CONFIGURE-OPTION...]: builds there and installs to FOLDER/tree; with the test programs when BUILD_TESTS is set.
build_tree() {
	local dir=$1 jobs
	shift
	jobs=$(nproc 2>/dev/null || echo 2)
	if [ -e config.status ]; then
		echo "this tree was configured in place; a build elsewhere needs that undone: make distclean"
		make -s distclean >/dev/null 2>&1 || rm -f config.status
	fi
	mkdir -p "$dir" || return
	if build_stale && ! autoreconf -i >"$dir/autoreconf.log" 2>&1; then
		cat "$dir/autoreconf.log"
		return 1
	fi
	(
		cd "$dir" || exit
		if [ ! -e Makefile ] || [ ../../configure -nt config.status ] || [ "$*" != "$(cat configured-with 2>/dev/null)" ]; then
			../../configure -q "$@" && echo "$*" >configured-with || exit
		fi
		make -s V=1 ARFLAGS=cr -j"$jobs" all || exit
		[ -z "${BUILD_TESTS:-}" ] || make -s V=1 ARFLAGS=cr -j"$jobs" check TESTS= || exit
		rm -rf tree
		if ! make -s install DESTDIR="$PWD/tree" >install.log 2>&1; then
			tail -n 20 install.log
			exit 1
		fi
	)
}

# build_fuzz FOLDER: the fuzz targets, with clang and the sanitizers; nothing else
build_fuzz() {
	mkdir -p "$1" || return
	(
		cd "$1" || exit
		if [ ! -e Makefile ] || [ ../../configure -nt config.status ]; then
			../../configure -q CC=clang --enable-fuzz --enable-sanitizers --without-snmp || exit
		fi
		make -s V=1 ARFLAGS=cr -j"$(nproc 2>/dev/null || echo 2)" fuzz
	)
}
