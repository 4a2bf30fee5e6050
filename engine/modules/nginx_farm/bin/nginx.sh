#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the scripts of this module share; read by them (". nginx.sh"). NGINX_BIN and PORT are macros of userconfig.xml.
# (A variable NGINX would mean something to nginx itself: the sockets of an older one, which it takes over and stays in the foreground.)

dir=$SAFEUSERVAR/nginx

# make_conf FOLDER: nginx.conf for this server
make_conf() {
	mkdir -p "$1" && sed -e "s|@PORT@|$PORT|g" -e "s|@DIR@|$1|g" "$(dirname "$0")/nginx.conf.in" >"$1/nginx.conf"
}

# Our processes, also after the death of the first one: they are one session, and its number is the first one's.
nginx_processes() {
	[ -s "$dir/nginx.pid" ] || return 0
	read -r session <"$dir/nginx.pid"
	pgrep -x -s "$session" nginx
}

# wait_end TENTHS: 0 when all of them have ended
wait_end() {
	tries=$1
	while [ -n "$(nginx_processes)" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
	return 0
}
