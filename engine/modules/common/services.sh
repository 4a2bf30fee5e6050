#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Starts and stops the services of the macro SERVICES; read (". services.sh") by the scripts of this module. Names in the order of start,
# blanks between. With systemd they are units (see them: systemctl list-unit-files --type=service), without it init scripts of /etc/init.d.
# An empty SERVICES does nothing. Every function returns 0, or 1 after it told what went wrong.

set -f	# a name is a name, whatever it looks like

# To the module log, and to the userlog; during safekit config to whoever typed it.
complain() {
	echo "$*" >&2
	case ${0##*/} in
	config | confcheck | deconfig) ;;
	*) "$SAFE/safekit" printe "$*" ;;
	esac
}

has_systemd() { [ -d /run/systemd/system ]; }

service_exists() {
	case $1 in
	-* | */* | *..*) return 1 ;;
	esac
	if has_systemd; then
		systemctl cat -- "$1" >/dev/null 2>&1
	else
		[ -x "/etc/init.d/$1" ]
	fi
}

# Without systemd: service_do NAME start|stop
service_do() {
	if command -v service >/dev/null 2>&1; then
		service "$1" "$2" </dev/null
	else
		"/etc/init.d/$1" "$2" </dev/null
	fi
}

# The last one first
services_reversed() {
	reversed=
	for service in ${SERVICES:-}; do
		reversed="$service $reversed"
	done
	echo "$reversed"
}

# All of them exist here
services_check() {
	failed=0
	for service in ${SERVICES:-}; do
		if ! service_exists "$service"; then
			complain "service $service of the macro SERVICES does not exist on this server"
			failed=1
		fi
	done
	return $failed
}

# None of them is started at boot: from now on the module does that. One that runs is left running.
services_disable() {
	failed=0
	for service in ${SERVICES:-}; do
		if has_systemd; then
			systemctl disable -- "$service" || failed=1
		elif command -v update-rc.d >/dev/null 2>&1; then
			update-rc.d "$service" disable || failed=1
		elif command -v chkconfig >/dev/null 2>&1; then
			chkconfig "$service" off || failed=1
		else
			complain "start at boot of service $service is not disabled: neither systemd nor update-rc.d nor chkconfig is here"
			failed=1
		fi
		[ $failed = 0 ] || { complain "start at boot of service $service cannot be disabled"; return 1; }
		echo "service $service is not started at boot: the module starts it"
	done
	return $failed
}

# In order. The first one that does not start ends it: those behind it may need it.
services_start() {
	for service in ${SERVICES:-}; do
		echo "start of service $service"
		if has_systemd; then
			systemctl start -- "$service"
		else
			service_do "$service" start
		fi || { complain "service $service does not start"; return 1; }
	done
	return 0
}

# In reverse order, all of them. Ends when they have ended.
services_stop() {
	failed=0
	for service in $(services_reversed); do
		echo "stop of service $service"
		if has_systemd; then
			systemctl stop -- "$service"
		else
			service_do "$service" stop
		fi || { complain "service $service does not stop"; failed=1; }
	done
	return $failed
}

# What is left of them after services_stop.
services_kill() {
	for service in $(services_reversed); do
		if has_systemd; then
			case $(systemctl show -p ActiveState --value -- "$service") in
			inactive | failed | '') continue ;;
			esac
			complain "service $service did not stop: killed"
			systemctl kill --signal=SIGKILL -- "$service"
			systemctl stop -- "$service"	# else systemd may start it again
		else
			service_kill_pid "$service"
		fi
	done
	return 0
}

# An init script has no kill: the process of its pid file, where it has one. The process must be older than the file, else the number has
# become that of another one.
service_kill_pid() {
	for file in "/run/$1.pid" "/run/$1/$1.pid"; do
		[ -s "$file" ] || continue
		read -r pid _ <"$file" || [ -n "$pid" ] || continue
		case $pid in
		'' | *[!0-9]* | 0 | 1) continue ;;
		esac
		age=$(ps -o etimes= -p "$pid") || continue
		written=$(($(date +%s) - $(stat -c %Y "$file")))
		[ "$((age + 2))" -ge "$written" ] || continue
		complain "service $1 did not stop: process $pid killed"
		kill -9 "$pid"
	done
}
