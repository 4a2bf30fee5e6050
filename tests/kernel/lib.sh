# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib.sh: a Debian kernel in a qemu guest, from packages that are only unpacked: nothing is installed, and the host's kernel and network are
# not touched.  Sourced by tests/kernel/t-*.
#
#	kernel_get META		image and headers of linux-image-META (KERNEL_CACHE), or skips the whole test with the reason
#				sets KVER (release), KIMAGE, KHEADERS, KMODULES (folder of *.ko)
#	kernel_build DIR [VAR=VALUE...]	kmod/mod against KHEADERS, in DIR (without BTF: that would need pahole); the compiler's words in DIR/log
#	guest_begin DIR		the guest's root there: busybox and /init, which runs /story and ends the guest
#	guest_program FILE [NAME]	a program of the host with the libraries that it needs
#	guest_libraries FILE	those alone
#	guest_modules NAME...	modules of that kernel, with those that they need, loaded in this order before the story
#	guest_run SECONDS [MB]	boots; what the guest says in GUEST_OUT; true when it ended in the one way that says: all is well

KERNEL_CACHE=${KERNEL_CACHE:-$TEST_BUILDDIR/kernel}
GUEST_WELL=7	# what the story ends with: qemu's status is then 2 * 7 + 1; a panic ends it with 0

depends_on() { apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: //p' | grep -m 1 "$2"; }	# depends_on PACKAGE PATTERN

unpack() {	# unpack PACKAGE...: fetched and unpacked in the cache, each once
	local p work
	for p; do
		[ ! -e "$KERNEL_CACHE/$p.done" ] || continue
		work=$(mktemp -d) && chmod 755 "$work" || return
		(
			cd "$work" && { [ "$(id -u)" != 0 ] || chown _apt . 2>/dev/null || :; } &&
			{ apt-get download -qq "$p" || { [ "$(id -u)" = 0 ] && apt-get update -qq && apt-get download -qq "$p"; }; } &&
			dpkg-deb --fsys-tarfile "$p"_*.deb | tar -x -C "$KERNEL_CACHE" --exclude ./usr/share/doc
		) >"$KERNEL_CACHE/log" 2>&1 || { rm -rf "$work"; return 1; }
		rm -rf "$work"
		touch "$KERNEL_CACHE/$p.done"
	done
}

kernel_get() {
	local meta=$1 image headers common kbuild p
	[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || tap_skip_all "no Debian on amd64: no kernel to try this in"
	for p in qemu-system-x86_64 busybox cpio ip; do
		command -v $p >/dev/null || tap_skip_all "no $p here"
	done
	mkdir -p "$KERNEL_CACHE" || exit
	image=$(depends_on "linux-image-$meta" '^linux-image-')
	headers=$(depends_on "linux-headers-$meta" '^linux-headers-')
	if [ -z "$image" ] || [ "${image#linux-image-}" != "${headers#linux-headers-}" ]; then tap_skip_all "apt knows no linux-image-$meta with headers of the same version"; fi
	KVER=${image#linux-image-}
	common=$(depends_on "$headers" '^linux-headers-.*-common')
	kbuild=$(depends_on "$headers" '^linux-kbuild-')
	unpack "$image" "$headers" "$common" "$kbuild" || tap_skip_all "the packages of $KVER could not be fetched: $(tail -n 1 "$KERNEL_CACHE/log")"
	KIMAGE=$KERNEL_CACHE/boot/vmlinuz-$KVER
	KHEADERS=$KERNEL_CACHE/usr/src/linux-headers-$KVER
	KMODULES=$KERNEL_CACHE/lib/modules/$KVER
	[ -d "$KMODULES" ] || KMODULES=$KERNEL_CACHE/usr/lib/modules/$KVER
	# the one path in it that is absolute
	sed -i "s|^include /usr/src/|include $KERNEL_CACHE/usr/src/|" "$KHEADERS/Makefile"
	if [ ! -s "$KIMAGE" ] || [ ! -d "$KMODULES" ]; then tap_skip_all "no kernel in $image"; fi
}

kernel_build() {
	local dir=$1
	shift
	rm -rf "$dir" && mkdir -p "$dir" && cp -r "$TEST_SRCDIR"/kmod/. "$dir" && make -C "$dir/mod" KERNELDIR="$KHEADERS" CONFIG_DEBUG_INFO_BTF_MODULES= "$@" >"$dir/log" 2>&1
}

guest_begin() {
	GUEST=$1 GUEST_LOADS=''
	rm -rf "$GUEST" && mkdir -p "$GUEST"/{bin,dev,etc,lib,proc,run,srv,sys,tmp,var,modules} || return
	# a busybox with libraries does as well
	guest_program "$(command -v busybox)"
	cat >"$GUEST/init" <<-END
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs run /run; mount -t tmpfs tmp /tmp
		mkdir -p /run/netns /sys/fs/bpf; mount -t bpf bpf /sys/fs/bpf
		export PATH=/bin HOME=/tmp
		while read -r m; do insmod /modules/\$m.ko || echo "@ not ok load \$m"; done </modules/order
		sh /story
		# nobody comes here without the story's own word
		probe exit 1
	END
	chmod 755 "$GUEST/init"
}

guest_program() {
	cp -L "$1" "$GUEST/bin/${2:-$(basename "$1")}" && guest_libraries "$1"
}

guest_libraries() {	# what the loader would take, each at its own place
	local lib
	while read -r lib; do
		[ -e "$GUEST$lib" ] || { mkdir -p "$GUEST${lib%/*}" && cp -L "$lib" "$GUEST$lib"; }
	done < <(ldd "$1" 2>/dev/null | grep -o '/[^ ]*')
}

guest_modules() {
	local name file needs
	for name; do
		[[ " $GUEST_LOADS " != *" $name "* ]] || continue
		file=$(find "$KMODULES" -name "$name.ko*" | head -n 1)
		[ -n "$file" ] || { name=${name//_/-}; file=$(find "$KMODULES" -name "$name.ko*" | head -n 1); }
		[ -n "$file" ] || continue	# built in
		case $file in
		*.xz) xz -dc "$file" ;;
		*) cat "$file" ;;
		esac >"$GUEST/modules/$name.ko"
		needs=$(tr '\0' '\n' <"$GUEST/modules/$name.ko" | sed -n 's/^depends=//p' | tr ',' ' ')
		# shellcheck disable=SC2086 # several
		guest_modules $needs
		GUEST_LOADS+=" $name"
	done
}

guest_run() {
	local limit=$1 mb=${2:-256}
	# shellcheck disable=SC2086 # several
	printf '%s\n' $GUEST_LOADS >"$GUEST/modules/order"
	(cd "$GUEST" && find . | cpio -o -H newc -R 0:0 2>/dev/null) >"$GUEST.img" || return	# what packing saves, unpacking takes
	timeout -k 5 "$limit" qemu-system-x86_64 -accel tcg,thread=multi -M q35 -cpu max -smp "${GUEST_CPUS:-1}" -m "$mb" -nodefaults -no-user-config -display none -no-reboot \
		-serial stdio -kernel "$KIMAGE" -initrd "$GUEST.img" -append "console=ttyS0 panic=-1 oops=panic quiet ${GUEST_BOOT:-}" \
		-device isa-debug-exit,iobase=0x501,iosize=1 </dev/null >"$GUEST.out" 2>&1
	GUEST_STATUS=$? GUEST_OUT=$GUEST.txt
	tr -d '\r' <"$GUEST.out" >"$GUEST_OUT"
	[ $GUEST_STATUS = $((2 * GUEST_WELL + 1)) ]
}

# What the guest's story found, as points of this test: lines "@ ok NAME", "@ not ok NAME", "@ # words"
guest_points() {
	local line
	while IFS= read -r line; do
		case $line in
		"@ ok "*)
			line=${line#@ ok }
			[[ ! $line =~ ^[0-9]+\ -\ (.*) ]] || line=${BASH_REMATCH[1]}	# a number of its own
			if [[ $line == *" # SKIP "* ]]; then tap_skip "${line%% # SKIP *}" "${line#* # SKIP }"; else tap_ok "$line"; fi
			;;
		"@ not ok "*)
			line=${line#@ not ok }
			[[ ! $line =~ ^[0-9]+\ -\ (.*) ]] || line=${BASH_REMATCH[1]}
			tap_not_ok "$line"
			;;
		"@ # "*) echo "${line#@ }" ;;
		esac
	done <"$GUEST_OUT"
}
