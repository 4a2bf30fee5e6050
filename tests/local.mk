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

.PHONY: unit
unit: $(UNIT_TESTS)

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
