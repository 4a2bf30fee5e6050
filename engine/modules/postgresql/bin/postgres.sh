#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the scripts of this module share; read by them (". postgres.sh"). PGDATA and so on are macros of userconfig.xml.

cd /	# programs that we start as another user may not be able to read our folder

as_owner() { runuser -u "$PGOWNER" -- "$@"; }

# pg WORD...: pg_ctl on our database
pg() { as_owner "$PGBIN/pg_ctl" -D "$PGDATA" "$@"; }

# Where the files are, when PGDATA is the folder of the configuration (Debian)
data_directory() { readlink -f "$(as_owner "$PGBIN/postgres" -D "$PGDATA" -C data_directory)"; }

# Processes of this database and of no other: they work in its folder
pg_processes() {
	files=$(data_directory)
	for pid in $(pgrep -x -u "$PGOWNER" postgres); do
		[ "$(readlink "/proc/$pid/cwd")" != "$files" ] || echo "$pid"
	done
}

# Can the macros be right? To the one who typed safekit config or confcheck.
pg_check() {
	good=0
	if [ ! -x "$PGBIN/pg_ctl" ] || [ ! -x "$PGBIN/postgres" ]; then
		echo "macro PGBIN: $PGBIN has no pg_ctl and postgres; expected as in /usr/lib/postgresql/15/bin" >&2
		good=1
	fi
	if [ ! -e "$PGDATA/postgresql.conf" ]; then
		echo "macro PGDATA: $PGDATA has no postgresql.conf; expected as in /etc/postgresql/15/main" >&2
		good=1
	fi
	if ! id "$PGOWNER" >/dev/null 2>&1; then
		echo "macro PGOWNER: $PGOWNER is no user of this server" >&2
		good=1
	fi
	if [ -n "$PGFILES" ] && [ $good = 0 ] && [ "$(readlink -f "$PGFILES")" != "$(data_directory)" ]; then
		echo "macro PGFILES: $PGFILES is not where the files of this database are; expected $(data_directory)" >&2
		good=1
	fi
	if [ -e "$PGDATA/start.conf" ] && grep -q '^[[:space:]]*auto' "$PGDATA/start.conf"; then
		echo "note: $PGDATA/start.conf starts this database at boot; the module does that: make it \"manual\"" >&2
	fi
	return $good
}
