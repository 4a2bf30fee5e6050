# SPDX-License-Identifier: GPL-2.0-or-later
# auths.awk: snmp.yml as snmp_exporter reads it since 0.23, where users stand apart from modules: prometheus.yml then names both,
# "module: [safekit]" and "auth: [safekit]".  Everything else is as it was.
/^#/ { print; next }
/^  auth:$/ { auth = 1; next }
/^  version:/ { version = $2; next }
auth && /^    / { users = users $0 "\n"; next }
{ auth = 0; body = body "  " $0 "\n" }
END { printf "auths:\n  safekit:\n    version: %s\n%smodules:\n%s", version, users, body }
