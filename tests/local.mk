# Tests.  Every test program or script speaks TAP on stdout; tests/run counts.
# A unit test is one file tests/unit/t_<name>.c; add it to UNIT_TESTS and say what it links.
if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
endif
# What tests/run puts in front of each test
check_PROGRAMS += tests/lib/reap
tests_lib_reap_SOURCES = tests/lib/reap.c
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) -DTEST_SRCDIR='"$(abs_top_srcdir)"'

UNIT_TESTS += tests/unit/t_base
tests_unit_t_base_SOURCES = tests/unit/t_base.c
tests_unit_t_base_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_base_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_packet
tests_unit_t_packet_SOURCES = tests/unit/t_packet.c
tests_unit_t_packet_CPPFLAGS = $(UNIT_CPPFLAGS) $(CRYPTO_CFLAGS)
tests_unit_t_packet_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)

# web: what servers sign when they talk over HTTP
UNIT_TESTS += tests/unit/t_webauth
tests_unit_t_webauth_SOURCES = tests/unit/t_webauth.c
tests_unit_t_webauth_CPPFLAGS = $(UNIT_CPPFLAGS) $(CRYPTO_CFLAGS)
tests_unit_t_webauth_LDADD = $(WIRE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_remote
tests_unit_t_remote_SOURCES = tests/unit/t_remote.c
tests_unit_t_remote_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_t_remote_LDADD = $(CLI_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/web/t-remote tests/web/standin.py

UNIT_TESTS += tests/unit/t_group
tests_unit_t_group_SOURCES = tests/unit/t_group.c
tests_unit_t_group_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_group_LDADD = $(CLUSTER_LIBS) $(CMOCKA_LIBS)

# Histories of a mirror module on two servers; make sim SEED=n tells the story of one
check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/sim.c tests/sim/rng.h tests/sim/rfs_model.c tests/sim/rfs_model.h \
	tests/sim/sim_calm.h tests/sim/sim_rfs.h tests/sim/sim_rules.h
tests_sim_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(JANSSON_CFLAGS)
tests_sim_sim_LDADD = $(MODULE_LIBS)
.PHONY: sim
sim: tests/sim/sim$(EXEEXT)
	tests/sim/sim -n 1 -s $(SEED) -v
# and on two that replicate files
check_PROGRAMS += tests/sim/rfs_sim
tests_sim_rfs_sim_SOURCES = $(tests_sim_sim_SOURCES)
tests_sim_rfs_sim_CPPFLAGS = $(tests_sim_sim_CPPFLAGS) -DWITH_RFS=1
tests_sim_rfs_sim_LDADD = $(MODULE_LIBS)

# Histories of the membership protocol; prints the seed of a failing one
check_PROGRAMS += tests/sim/group_sim
tests_sim_group_sim_SOURCES = tests/sim/group_sim.c tests/sim/events.h
tests_sim_group_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_sim_group_sim_LDADD = $(CLUSTER_LIBS)

if ENABLE_FUZZ
tests_fuzz_fuzz_packet_SOURCES = tests/fuzz/fuzz_packet.c
tests_fuzz_fuzz_packet_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_packet_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_packet_LDADD = $(WIRE_LIBS)
tests_fuzz_fuzz_group_SOURCES = tests/fuzz/fuzz_group.c
tests_fuzz_fuzz_group_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_group_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_group_LDADD = $(CLUSTER_LIBS)
endif
EXTRA_DIST += tests/fuzz/corpus/packet tests/fuzz/corpus/group

UNIT_TESTS += tests/unit/t_client
tests_unit_t_client_SOURCES = tests/unit/t_client.c
tests_unit_t_client_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_client_LDADD = $(SAFEKIT_LIBS) $(CMOCKA_LIBS)

.PHONY: unit
unit: $(UNIT_TESTS)

UNIT_TESTS += tests/unit/t_conf
tests_unit_t_conf_SOURCES = tests/unit/t_conf.c
tests_unit_t_conf_CPPFLAGS = $(UNIT_CPPFLAGS) $(XML_CFLAGS)
tests_unit_t_conf_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_conf_module
tests_unit_t_conf_module_SOURCES = tests/unit/t_conf_module.c
tests_unit_t_conf_module_CPPFLAGS = $(UNIT_CPPFLAGS) $(XML_CFLAGS)
tests_unit_t_conf_module_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_conf_tags tests/unit/t_guide
tests_unit_t_conf_tags_SOURCES = tests/unit/t_conf_tags.c
tests_unit_t_conf_tags_CPPFLAGS = $(UNIT_CPPFLAGS) $(XML_CFLAGS)
tests_unit_t_conf_tags_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_conf_rfs
tests_unit_t_conf_rfs_SOURCES = tests/unit/t_conf_rfs.c
tests_unit_t_conf_rfs_CPPFLAGS = $(UNIT_CPPFLAGS) $(XML_CFLAGS)
tests_unit_t_conf_rfs_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
tests_unit_t_guide_SOURCES = tests/unit/t_guide.c
tests_unit_t_guide_CPPFLAGS = $(UNIT_CPPFLAGS) $(XML_CFLAGS)
tests_unit_t_guide_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_conf_vip
tests_unit_t_conf_vip_SOURCES = tests/unit/t_conf_vip.c
tests_unit_t_conf_vip_CPPFLAGS = $(UNIT_CPPFLAGS) $(XML_CFLAGS)
tests_unit_t_conf_vip_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)

if ENABLE_FUZZ
tests_fuzz_fuzz_userconfig_SOURCES = tests/fuzz/fuzz_userconfig.c
tests_fuzz_fuzz_userconfig_CPPFLAGS = $(AM_CPPFLAGS) $(XML_CFLAGS) $(JANSSON_CFLAGS) -DTEST_SRCDIR='"$(abs_top_srcdir)"'
tests_fuzz_fuzz_userconfig_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_userconfig_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_userconfig_LDADD = $(CONF_LIBS)
tests_fuzz_fuzz_cluster_SOURCES = tests/fuzz/fuzz_cluster.c
tests_fuzz_fuzz_cluster_CPPFLAGS = $(AM_CPPFLAGS) $(XML_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_cluster_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_cluster_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_cluster_LDADD = $(CONF_LIBS)
endif
EXTRA_DIST += tests/fuzz/corpus/userconfig tests/fuzz/corpus/cluster tests/data/conf tests/data/guide
# pub
UNIT_TESTS += tests/unit/t_journal
tests_unit_t_journal_SOURCES = tests/unit/t_journal.c tests/unit/journal_owner.h
tests_unit_t_journal_CPPFLAGS = $(UNIT_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_t_journal_LDADD = $(PUB_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_journal_disk
tests_unit_t_journal_disk_SOURCES = tests/unit/t_journal_disk.c tests/unit/journal_owner.h
tests_unit_t_journal_disk_CPPFLAGS = $(UNIT_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_t_journal_disk_LDADD = $(PUB_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_syslog
tests_unit_t_syslog_SOURCES = tests/unit/t_syslog.c
tests_unit_t_syslog_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_syslog_LDADD = $(PUB_LIBS) $(CMOCKA_LIBS)

# benches are built on demand: make tests/bench/bench_<name>
EXTRA_PROGRAMS = tests/bench/bench_journal tests/bench/bench_errd
tests_bench_bench_errd_SOURCES = tests/bench/bench_errd.c
tests_bench_bench_errd_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
tests_bench_bench_errd_LDADD = $(ERRD_LIBS)
tests_bench_bench_journal_SOURCES = tests/bench/bench_journal.c
tests_bench_bench_journal_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_bench_bench_journal_LDADD = $(PUB_LIBS)
EXTRA_PROGRAMS += tests/bench/bench_rules
tests_bench_bench_rules_SOURCES = tests/bench/bench_rules.c
tests_bench_bench_rules_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_bench_bench_rules_LDADD = $(RULES_LIBS)

# Replication: are two trees equal (tests/lab/t-rfs*, tests/rfs/nemesis)
check_PROGRAMS += tests/rfs/treecmp
tests_rfs_treecmp_SOURCES = tests/rfs/treecmp.c
EXTRA_DIST += tests/rfs/load tests/rfs/load_db tests/rfs/life.py tests/rfs/nemesis
EXTRA_PROGRAMS += tests/bench/bench_rfs_io
tests_bench_bench_rfs_io_SOURCES = tests/bench/bench_rfs_io.c
EXTRA_DIST += tests/bench/bench_rfs.py

# scripts: run by tests/run where they are
EXTRA_DIST += tests/run tests/lib tests/lab tests/lint tests/ctl
# agent/: units, and the real thing with snmpd on a loopback of its own (tests/agent/*.sh)
check_PROGRAMS += tests/agent/fake_engine
tests_agent_fake_engine_SOURCES = tests/agent/fake_engine.c
tests_agent_fake_engine_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_agent_fake_engine_LDADD = $(BASE_LIBS)
if WITH_SNMP
check_PROGRAMS += tests/agent/rowwalk
tests_agent_rowwalk_SOURCES = tests/agent/rowwalk.c
nodist_tests_agent_rowwalk_SOURCES = agent/oids.h
tests_agent_rowwalk_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(SNMP_CFLAGS)
tests_agent_rowwalk_LDADD = libbase.a $(SNMP_LIBS)
tests/agent/rowwalk-rowwalk.$(OBJEXT): agent/oids.h
check_PROGRAMS += tests/bench/agentx_peer
tests_bench_agentx_peer_SOURCES = tests/bench/agentx_peer.c
tests_bench_agentx_peer_CPPFLAGS = $(AM_CPPFLAGS) $(SNMP_CFLAGS)
tests_bench_agentx_peer_LDADD = libbase.a $(SNMP_LIBS)
AGENT_TAP = tests/agent/t_mib.sh tests/agent/t_read.sh tests/agent/t_set.sh tests/agent/t_trap.sh tests/agent/t_snmpd.sh
check-agent: safeagent tests/agent/fake_engine tests/agent/rowwalk
	@rc=0; for t in $(AGENT_TAP); do srcdir=$(abs_top_srcdir) builddir=$(abs_top_builddir) sh $(top_srcdir)/$$t || rc=1; done; exit $$rc
endif
.PHONY: check-agent
EXTRA_DIST += tests/agent/export.sh tests/agent/t_export_tls.sh tests/agent/t_export_disk.sh tests/agent/t_export_faults.sh tests/agent/t_export_units.sh tests/agent/t_export_stores.sh tests/agent/t_export_kairosdb.sh tests/data/kairosdb tests/agent/t_export_push.sh tests/agent/fake_store.py tests/agent/t_export_pull.sh
EXTRA_DIST += tests/agent/t_mib.sh tests/agent/t_read.sh tests/agent/t_set.sh tests/agent/t_trap.sh tests/agent/t_snmpd.sh tests/agent/lib.sh tests/agent/walk.expected tests/bench/bench_snmp.sh tests/bench/bench_export.sh

UNIT_TESTS += tests/unit/t_snap tests/unit/t_action tests/unit/t_trap tests/unit/t_oidtable
tests_unit_t_snap_SOURCES = tests/unit/t_snap.c
tests_unit_t_snap_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_snap_LDADD = $(AGENT_LIBS) $(CMOCKA_LIBS)
tests_unit_t_action_SOURCES = tests/unit/t_action.c
tests_unit_t_action_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_action_LDADD = $(AGENT_LIBS) $(CMOCKA_LIBS)
tests_unit_t_trap_SOURCES = tests/unit/t_trap.c
tests_unit_t_trap_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_trap_LDADD = $(AGENT_LIBS) $(CMOCKA_LIBS)
tests_unit_t_oidtable_SOURCES = tests/unit/t_oidtable.c
nodist_tests_unit_t_oidtable_SOURCES = agent/oids.h
tests_unit_t_oidtable_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_oidtable_LDADD = $(AGENT_LIBS) $(CMOCKA_LIBS)
tests/unit/t_oidtable-t_oidtable.$(OBJEXT): agent/oids.h

# the command line: parsing and its table; the environment of scripts
UNIT_TESTS += tests/unit/t_cli_parse tests/unit/t_script_env tests/unit/t_explain tests/unit/t_redact
tests_unit_t_redact_SOURCES = tests/unit/t_redact.c engine/cli/redact.c
tests_unit_t_redact_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_redact_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_t_explain_SOURCES = tests/unit/t_explain.c
tests_unit_t_explain_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_explain_LDADD = $(CLI_LIBS) $(CMOCKA_LIBS)
tests_unit_t_cli_parse_SOURCES = tests/unit/t_cli_parse.c
tests_unit_t_cli_parse_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_cli_parse_LDADD = $(CLI_LIBS) $(CMOCKA_LIBS)
tests_unit_t_script_env_SOURCES = tests/unit/t_script_env.c
tests_unit_t_script_env_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_script_env_LDADD = $(SCRIPT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_vhost
tests_unit_t_vhost_SOURCES = tests/unit/t_vhost.c
tests_unit_t_vhost_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_vhost_LDADD = $(CLI_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/cli

UNIT_TESTS += tests/unit/t_link
tests_unit_t_link_SOURCES = tests/unit/t_link.c engine/cluster/link.h engine/cluster/link.c
tests_unit_t_link_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS)
tests_unit_t_link_LDADD = $(CLUSTER_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)


# decide and keep: fsm, module, beat
UNIT_TESTS += tests/unit/t_fsm
tests_unit_t_fsm_SOURCES = tests/unit/t_fsm.c
tests_unit_t_fsm_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_fsm_LDADD = $(MODULE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_rules
tests_unit_t_rules_SOURCES = tests/unit/t_rules.c tests/unit/rules_texts.h
tests_unit_t_rules_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_rules_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_rules_random
tests_unit_t_rules_random_SOURCES = tests/unit/t_rules_random.c tests/sim/rng.h
tests_unit_t_rules_random_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rules_random_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_beat
tests_unit_t_beat_SOURCES = tests/unit/t_beat.c
tests_unit_t_beat_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_beat_LDADD = $(MODULE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_module
tests_unit_t_module_SOURCES = tests/unit/t_module.c tests/unit/module_world.h
tests_unit_t_module_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_module_LDADD = $(MODULE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_module_rfs
tests_unit_t_module_rfs_SOURCES = tests/unit/t_module_rfs.c tests/unit/module_world.h
tests_unit_t_module_rfs_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_module_rfs_LDADD = $(MODULE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_failover
tests_unit_t_failover_SOURCES = tests/unit/t_failover.c tests/unit/module_world.h
tests_unit_t_failover_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_failover_LDADD = $(MODULE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_setup
tests_unit_t_setup_SOURCES = tests/unit/t_setup.c engine/module/setup.c engine/cluster/link.c
tests_unit_t_setup_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS)
tests_unit_t_setup_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_picture
tests_unit_t_picture_SOURCES = tests/unit/t_picture.c engine/pub/picture.c
tests_unit_t_picture_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_picture_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_watch
tests_unit_t_watch_SOURCES = tests/unit/t_watch.c engine/act/watch.c engine/act/child.c
tests_unit_t_watch_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_t_watch_LDADD = $(MODULE_LIBS) libconf.a $(BASE_LIBS) $(UV_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS) -lpthread

UNIT_TESTS += tests/unit/t_child
tests_unit_t_child_SOURCES = tests/unit/t_child.c engine/act/child.c
tests_unit_t_child_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_t_child_LDADD = $(BASE_LIBS) $(UV_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS) -lpthread

UNIT_TESTS += tests/unit/t_runner
tests_unit_t_runner_SOURCES = tests/unit/t_runner.c engine/act/runner.c
tests_unit_t_runner_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_runner_LDADD = $(MODULE_LIBS) libscript.a $(BASE_LIBS) $(CMOCKA_LIBS) -lpthread

UNIT_TESTS += tests/unit/t_uplink
tests_unit_t_uplink_SOURCES = tests/unit/t_uplink.c engine/ctl/uplink.c
tests_unit_t_uplink_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS)
tests_unit_t_uplink_LDADD = $(SAFEKIT_LIBS) $(UV_LIBS) $(CMOCKA_LIBS) -lpthread

# fuzz targets of what hearts and readers send; tests/fuzz/run runs all of them for a few seconds
FUZZ_TESTS = tests/fuzz/fuzz_beat tests/fuzz/fuzz_ctlmsg tests/fuzz/fuzz_report tests/fuzz/fuzz_setup tests/fuzz/fuzz_rules tests/fuzz/fuzz_safe \
	tests/fuzz/fuzz_packet tests/fuzz/fuzz_group tests/fuzz/fuzz_userconfig tests/fuzz/fuzz_cluster tests/fuzz/fuzz_farm
if ENABLE_FUZZ
check_PROGRAMS += $(FUZZ_TESTS)
fuzz: $(FUZZ_TESTS)
endif
.PHONY: fuzz
FUZZ_COMPILE = $(AM_CFLAGS) -fsanitize=fuzzer
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_beat_SOURCES = tests/fuzz/fuzz_beat.c
tests_fuzz_fuzz_beat_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_beat_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_beat_LDADD = $(MODULE_LIBS)
tests_fuzz_fuzz_ctlmsg_SOURCES = tests/fuzz/fuzz_ctlmsg.c
tests_fuzz_fuzz_ctlmsg_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_ctlmsg_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_ctlmsg_LDADD = $(BASE_LIBS)
tests_fuzz_fuzz_report_SOURCES = tests/fuzz/fuzz_report.c
tests_fuzz_fuzz_report_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_report_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_report_LDADD = $(BASE_LIBS)
tests_fuzz_fuzz_setup_SOURCES = tests/fuzz/fuzz_setup.c engine/module/setup.c engine/cluster/link.c
tests_fuzz_fuzz_setup_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_setup_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_setup_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_setup_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(UV_LIBS)
tests_fuzz_fuzz_rules_SOURCES = tests/fuzz/fuzz_rules.c
tests_fuzz_fuzz_rules_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_rules_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_rules_LDADD = $(RULES_LIBS)
EXTRA_DIST += tests/fuzz/corpus/rules
FUZZ_TESTS += tests/fuzz/fuzz_remote
tests_fuzz_fuzz_remote_SOURCES = tests/fuzz/fuzz_remote.c
tests_fuzz_fuzz_remote_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(UV_CFLAGS) $(CURL_CFLAGS)
tests_fuzz_fuzz_remote_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_remote_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_remote_LDADD = libcheck.a $(CLI_LIBS) $(CHECK_LIBS)
EXTRA_DIST += tests/fuzz/corpus/remote
EXTRA_DIST += tests/fuzz/run tests/fuzz/corpus/beat tests/fuzz/corpus/ctlmsg tests/fuzz/corpus/report tests/fuzz/corpus/setup
tests_fuzz_fuzz_safe_SOURCES = tests/fuzz/fuzz_safe.c
tests_fuzz_fuzz_safe_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_safe_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_safe_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_safe_LDADD = $(CLI_LIBS)
EXTRA_DIST += tests/fuzz/corpus/safe

UNIT_TESTS += tests/unit/t_writer
tests_unit_t_writer_SOURCES = tests/unit/t_writer.c engine/act/writer.c
tests_unit_t_writer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_writer_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS) -lpthread

# errd with real processes
UNIT_TESTS += tests/unit/t_errd
# its own objects: children get 2 s here
tests_unit_t_errd_SOURCES = tests/unit/t_errd.c $(liberrd_a_SOURCES)
tests_unit_t_errd_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS) -DERRD_HANDLER_MS=2000 -DERRD_SYSTEMCTL_MS=2000
tests_unit_t_errd_LDADD = $(BASE_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_procs
tests_unit_t_procs_SOURCES = tests/unit/t_procs.c
tests_unit_t_procs_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_procs_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)

# checkd
check_PROGRAMS += tests/ctl/runform
tests_ctl_runform_SOURCES = tests/ctl/runform.c
tests_ctl_runform_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(XML_CFLAGS)
tests_ctl_runform_LDADD = $(CONF_LIBS)
EXTRA_DIST += tests/bench/bench_check.py tests/bench/bench_intf.sh
EXTRA_DIST += tests/bench/bench_vip.sh tests/bench/bench_farm.sh
UNIT_TESTS += tests/unit/t_check
tests_unit_t_check_SOURCES = tests/unit/t_check.c
tests_unit_t_check_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS) $(MNL_CFLAGS)
tests_unit_t_check_LDADD = $(CHECK_LIBS) $(CMOCKA_LIBS)
include tests/unit/export.mk
include tests/unit/filter.mk
include tests/unit/rfs_net.mk
include tests/unit/gate.mk
include tests/unit/pki.mk

# farm: who serves what
UNIT_TESTS += tests/unit/t_assign
tests_unit_t_assign_SOURCES = tests/unit/t_assign.c tests/sim/rng.h
tests_unit_t_assign_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_assign_LDADD = $(FARM_LIBS) $(CMOCKA_LIBS)

# vipd
UNIT_TESTS += tests/unit/t_vip
tests_unit_t_vip_SOURCES = tests/unit/t_vip.c
tests_unit_t_vip_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS)
tests_unit_t_vip_LDADD = $(VIP_LIBS) $(CMOCKA_LIBS)
include tests/kernel/local.mk
include tests/rfs/local.mk
include tests/agent/mail.mk

# Histories of a farm; prints the seed of a failing one
check_PROGRAMS += tests/sim/farm_sim
tests_sim_farm_sim_SOURCES = tests/sim/farm_sim.c tests/sim/farm_world.h tests/sim/farm_world.c tests/sim/farm_stories.c \
	tests/sim/events.h tests/sim/rng.h
tests_sim_farm_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_sim_farm_sim_LDADD = $(FARM_LIBS)
UNIT_TESTS += tests/unit/t_farm
tests_unit_t_farm_SOURCES = tests/unit/t_farm.c
tests_unit_t_farm_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_farm_LDADD = $(FARM_LIBS) $(CMOCKA_LIBS)
tests_fuzz_fuzz_farm_SOURCES = tests/fuzz/fuzz_farm.c
tests_fuzz_fuzz_farm_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_farm_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_farm_LDADD = $(FARM_LIBS)
EXTRA_DIST += tests/fuzz/corpus/farm
UNIT_TESTS += tests/unit/t_farm_net
tests_unit_t_farm_net_SOURCES = tests/unit/t_farm_net.c engine/cluster/link.c $(FARM_NET_SOURCES)
tests_unit_t_farm_net_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_t_farm_net_LDADD = $(FARM_LIBS) $(CRYPTO_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)

# rfsd: keeper
UNIT_TESTS += tests/unit/t_rfs_state
tests_unit_t_rfs_state_SOURCES = tests/unit/t_rfs_state.c
tests_unit_t_rfs_state_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_rfs_state_LDADD = $(RFSSTATE_LIBS) $(CMOCKA_LIBS)

# rfs: the change map, synchronisation
UNIT_TESTS += tests/unit/t_rfs_map tests/unit/t_rfs_match tests/unit/t_rfs_state_match
tests_unit_t_rfs_map_SOURCES = tests/unit/t_rfs_map.c tests/sim/rng.h
tests_unit_t_rfs_map_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_map_LDADD = $(RFSSYNC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS) -lpthread
tests_unit_t_rfs_match_SOURCES = tests/unit/t_rfs_match.c
tests_unit_t_rfs_match_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_rfs_match_LDADD = $(RFSSYNC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_t_rfs_state_match_SOURCES = tests/unit/t_rfs_state_match.c
tests_unit_t_rfs_state_match_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_rfs_state_match_LDADD = $(RFSSYNC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_rfs_psync
tests_unit_t_rfs_psync_SOURCES = tests/unit/t_rfs_psync.c tests/unit/rfs_sync_world.h tests/rfs/place.h tests/sim/rng.h
tests_unit_t_rfs_psync_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_psync_LDADD = $(RFS_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_rfs_check
tests_unit_t_rfs_check_SOURCES = tests/unit/t_rfs_check.c tests/unit/rfs_sync_world.h tests/rfs/place.h tests/sim/rng.h
tests_unit_t_rfs_check_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_check_LDADD = $(RFS_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_rfs_route
tests_unit_t_rfs_route_SOURCES = tests/unit/t_rfs_route.c tests/rfs/place.h
tests_unit_t_rfs_route_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_route_LDADD = librfssync.a librfsfs.a librfsstate.a libconf.a $(BASE_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS) -lpthread
