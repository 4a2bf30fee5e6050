#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_intf.sh: from a cable that is pulled (the far end of a veth pair goes down) and from an address that is removed to the resource
# down at heart's end of checkd's line: median and worst of N times.  Limit for the median: 100 ms.
#
# usage: bench_intf.sh -b BUILDDIR [-n N]
set -u
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." || exit
build=$PWD/build/check n=20
while getopts b:n: o; do
	case $o in
	b) build=$(readlink -f "$OPTARG") ;;
	n) n=$OPTARG ;;
	*) exit 2 ;;
	esac
done
PYTHONDONTWRITEBYTECODE=1 exec unshare -n python3 - "$build" "$PWD" "$n" <<'END'
import statistics, subprocess, sys, time
build, top, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.path.insert(0, top + "/tests/ctl")
from checkd_lib import Checkd


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def measure(what, resource, out, back):
    times = []
    for _ in range(n):
        if not d.until(**{resource.replace(".", "__"): "up"}):
            sys.exit("%s does not become up: %s" % (resource, d.now))
        t = time.monotonic()
        ip(*out)
        o = d.wait(lambda o: o.get("resource") == resource and o["value"] == "down")
        if o is None:
            sys.exit("%s does not become down" % resource)
        times.append((d.when - t) * 1000)
        ip(*back)
    print("%s to resource down: median %.1f ms, worst %.1f ms of %d (limit 100 ms; running ip(8) included)"
          % (what, statistics.median(times), max(times), n))
    return statistics.median(times) < 100


ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
for v in "v0", "v1":
    ip("link", "set", v, "up")
ip("addr", "add", "10.9.0.1/24", "dev", "v0")
ip("addr", "add", "10.9.0.9/24", "dev", "v0")
d = Checkd(build, top)
d.setup('<intf ident="i" intf="v0"><to local_addr="10.9.0.1"/></intf><ip ident="a" when="pre"><to addr="10.9.0.9"/></ip>')
d.classes("pre")
good = measure("cable out", "intf.i", ("link", "set", "v1", "down"), ("link", "set", "v1", "up"))
good &= measure("address removed", "ip.a", ("addr", "del", "10.9.0.9/24", "dev", "v0"), ("addr", "add", "10.9.0.9/24", "dev", "v0"))
d.end()
sys.exit(not good)
END
