#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Prometheus through SNMP: Debian's snmp_exporter with our module reads snmpd and safeagent as the sample of snmpd.conf lets it.
# shellcheck disable=SC1010,SC2015,SC2016,SC2086,SC2119,SC2317	# pids and OIDs have no blanks; words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
for need in prometheus-snmp-exporter promtool curl; do
	command -v $need >/dev/null 2>&1 || skip_all "no $need here"
done
conf=$S/contrib/prometheus/snmp.yml
URL=http://127.0.0.1:19116

# users and views of the sample, with the passwords that both samples have
SNMPD_MORE=$(sed -n 's/^#   \(createUser skreader\)/\1/p; /^view skread/p; /^group skreaders/p; /^access skreaders/p' "$S/contrib/snmp/snmpd.conf.sample")
start_snmpd
start_engine -m 3 -r 4 -s 41
start_agent
check "the picture arrives" until_true 5 reachable_is 1

check "snmp_exporter takes the configuration" prometheus-snmp-exporter --config.file="$conf" --dry-run --log.level=error
prometheus-snmp-exporter --config.file="$conf" --web.listen-address=127.0.0.1:19116 --log.level=error 2> "$D/exporter.err" &
pids="$pids $!"
until_true 10 curl -fsS -o "$D/null" $URL/ || { note "snmp_exporter does not start"; cat "$D/exporter.err" >&2; exit 1; }
scrape() { curl -sS -m 20 -o "$D/scrape" -w '%{http_code}' "$URL/snmp?module=safekit&target=$HOST"; }
has_line() { grep -Fxq -- "$1" "$D/scrape"; }
sample() { check "$1" has_line "$1"; }

same "a scrape as skreader, authPriv" "$(scrape)" 200

# what stands in the module and what comes out are the same names
tell resource 1 2 42
until_text 2 '"42"' get $R.2.1.3.1.2
scrape > "$D/null"
sed -n 's/^  - name: //p' "$conf" | sort > "$D/asked"
sed -n 's/^# TYPE \(sk[A-Za-z_]*\) .*/\1/p' "$D/scrape" | sed 's/_info$//' | sort > "$D/answered"
same "each metric of the module has samples, and nothing else has" "$(diff "$D/asked" "$D/answered" | tr '\n' ' ')" ""

# states are state sets, numbers numbers, and indexes have names
sample 'skModuleCurrentState{skModuleCurrentState="prim",skModuleId="1",skModuleName="m1"} 1'
sample 'skModuleCurrentState{skModuleCurrentState="alone",skModuleId="1",skModuleName="m1"} 0'
sample 'skModuleTransitions{skModuleId="1",skModuleName="m1"} 3'
sample 'skModuleSince{skModuleId="1",skModuleName="m1"} 1.741343315e+09'
sample 'skModuleMode_info{skModuleId="1",skModuleMode="mirror",skModuleName="m1"} 1'
sample 'skResourceHealth{skModuleId="1",skModuleName="m1",skResourceHealth="up",skResourceIndex="1",skResourceName="intf.10.0.1.0"} 1'
sample 'skResourceValue{skModuleId="1",skModuleName="m1",skResourceIndex="2",skResourceName="intf.10.0.2.0"} 42'
same "values that are no number make no series" "$(grep -c '^skResourceValue{' "$D/scrape")" 1
sample 'skNodeState{skNodeIndex="1",skNodeName="node1",skNodeState="up"} 1'
sample 'skShareBuckets{skModuleId="2",skModuleName="m2",skShareGroup="g1",skShareIndex="1"} 128'
sample 'skEngineNode{skEngineNode="node1"} 1'
sample 'skAgentEngineReachable 1'
# its status 1: cannot be read; 3: names are not as Prometheus would have them (they are the MIB's)
check "promtool reads it" sh -c 'promtool check metrics < "$1" > "$2" 2>&1; [ $? != 1 ]' x "$D/scrape" "$D/null"

# Prometheus with the second job of the sample: what is a name is a label with the name that safeexport gives it
if command -v prometheus >/dev/null 2>&1; then
	{
		echo "scrape_configs:"
		sed -n '/^- job_name: safekit-snmp/,$p' "$S/contrib/prometheus/prometheus.yml" | sed -e "s/'192.168.1.67', '192.168.1.68'/'$HOST'/" \
		    -e 's/127.0.0.1:9116/127.0.0.1:19116/' -e 's/scrape_interval: 30s/scrape_interval: 1s/; s/scrape_timeout: 20s/scrape_timeout: 1s/'
	} > "$D/prometheus.yml"
	prometheus --config.file="$D/prometheus.yml" --storage.tsdb.path="$D/tsdb" --web.listen-address=127.0.0.1:19090 --log.level=warn 2> "$D/prometheus.err" &
	pids="$pids $!"
	knows() { curl -sSG --data-urlencode "query=$1" http://127.0.0.1:19090/api/v1/query | grep -q '"value":'; }
	query='skModuleCurrentState{module="m1",skModuleCurrentState="prim",skModuleName="",instance="'$HOST'",job="safekit-snmp"} == 1'
	check "$query" until_true 20 knows "$query" || note "$(tail -n 3 "$D/prometheus.err")"
	query='skResourceHealth{module="m1",resource="intf.10.0.1.0",skResourceHealth="up"} == 1 and on (instance) up == 1'
	check "$query" until_true 20 knows "$query"
else
	note "skipped: the job of the sample (no prometheus)"
fi

# it follows
tell module 1 state ALONE
tell resource 1 1 down
until_text 2 4 get $R.2.1.4.1.1
scrape > "$D/null"
sample 'skModuleCurrentState{skModuleCurrentState="alone",skModuleId="1",skModuleName="m1"} 1'
sample 'skModuleCurrentState{skModuleCurrentState="prim",skModuleId="1",skModuleName="m1"} 0'
sample 'skResourceHealth{skModuleId="1",skModuleName="m1",skResourceHealth="down",skResourceIndex="1",skResourceName="intf.10.0.1.0"} 1'
stop_pid $ENGINE_PID; ENGINE_PID=""
until_true 5 reachable_is 2
same "without engine there is an answer" "$(scrape)" 200
sample 'skAgentEngineReachable 2'
sample 'skModuleCurrentState{skModuleCurrentState="alone",skModuleId="1",skModuleName="m1"} 1'
sample 'skModuleStatus{skModuleId="1",skModuleName="m1",skModuleStatus="unknown"} 1'

# made from the MIB
base=${SAFEKIT_MIB_BASE:-$B/tests/agent/base-mibs}
if [ -f "$base/SNMPv2-SMI" ] && command -v prometheus-snmp-generator >/dev/null 2>&1; then
	mkdir "$D/gen" "$D/gen/mibs"
	cp "$base"/SNMP* "$D/gen/mibs/"
	cp "$S/mib/SAFEKIT-MIB.txt" "$D/gen/mibs/SAFEKIT-MIB"
	cp "$S/contrib/prometheus/snmp-generator.yml" "$D/gen/generator.yml"
	(cd "$D/gen" && MIBS=ALL MIBDIRS=$D/gen/mibs prometheus-snmp-generator generate) > "$D/gen/log" 2>&1 || note "$(tail -n 3 "$D/gen/log")"
	check "snmp.yml is what Debian's generator makes of snmp-generator.yml and the MIB" cmp -s "$D/gen/snmp.yml" "$conf"
	diff "$D/gen/snmp.yml" "$conf" | head -20 | sed 's/^/# /'
else
	note "skipped: snmp.yml made anew (no base MIBs or no prometheus-snmp-generator)"
fi
# for newer exporters: users apart, all else the same two columns to the right
awk -f "$S/contrib/prometheus/auths.awk" "$conf" > "$D/auths.yml"
same "for snmp_exporter 0.23: users stand apart" "$(sed -n '2,/^modules:$/p' "$D/auths.yml" | grep -c .)" "$(($(sed -n '/^  auth:$/,$p' "$conf" | grep -c .) + 3))"
sed -n '/^modules:$/,$p' "$D/auths.yml" | sed -n '2,$s/^  //p' > "$D/body"
sed -e '/^#/d' -e '/^  version: /d' -e '/^  auth:$/,$d' "$conf" > "$D/want"
check "and modules are what they were" cmp -s "$D/body" "$D/want"
finish_tests
