# Tests.  Every test program or script speaks TAP on stdout; tests/run counts.
# A unit test is one file tests/unit/t_<name>.c; add it to UNIT_TESTS and say what it links.
if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
endif
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) -DTEST_SRCDIR='"$(abs_top_srcdir)"'

UNIT_TESTS += tests/unit/t_base
tests_unit_t_base_SOURCES = tests/unit/t_base.c
tests_unit_t_base_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_base_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_packet
tests_unit_t_packet_SOURCES = tests/unit/t_packet.c
tests_unit_t_packet_CPPFLAGS = $(UNIT_CPPFLAGS) $(CRYPTO_CFLAGS)
tests_unit_t_packet_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/t_group
tests_unit_t_group_SOURCES = tests/unit/t_group.c
tests_unit_t_group_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_group_LDADD = $(CLUSTER_LIBS) $(CMOCKA_LIBS)

# Histories of a mirror module on two servers; make sim SEED=n tells the story of one
check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/sim.c tests/sim/rng.h
tests_sim_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(JANSSON_CFLAGS)
tests_sim_sim_LDADD = $(MODULE_LIBS)
.PHONY: sim
sim: tests/sim/sim$(EXEEXT)
	tests/sim/sim -n 1 -s $(SEED) -v

# Histories of the membership protocol; prints the seed of a failing one
check_PROGRAMS += tests/sim/group_sim
tests_sim_group_sim_SOURCES = tests/sim/group_sim.c
tests_sim_group_sim_LDADD = $(CLUSTER_LIBS)

if ENABLE_FUZZ
check_PROGRAMS += tests/fuzz/fuzz_packet tests/fuzz/fuzz_group
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

if ENABLE_FUZZ
check_PROGRAMS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c
tests_fuzz_fuzz_conf_CPPFLAGS = $(AM_CPPFLAGS) $(XML_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_conf_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_conf_LDADD = $(CONF_LIBS)
endif
EXTRA_DIST += tests/fuzz/corpus/conf tests/data/conf
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
EXTRA_PROGRAMS = tests/bench/bench_journal
tests_bench_bench_journal_SOURCES = tests/bench/bench_journal.c
tests_bench_bench_journal_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_bench_bench_journal_LDADD = $(PUB_LIBS)

# scripts: run by tests/run where they are
EXTRA_DIST += tests/run tests/lib tests/lab tests/lint

UNIT_TESTS += tests/unit/t_link
tests_unit_t_link_SOURCES = tests/unit/t_link.c engine/cluster/link.h engine/cluster/link.c
tests_unit_t_link_CPPFLAGS = $(UNIT_CPPFLAGS) $(UV_CFLAGS)
tests_unit_t_link_LDADD = $(CLUSTER_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)
