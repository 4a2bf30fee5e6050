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

UNIT_TESTS += tests/unit/t_conf
tests_unit_t_conf_SOURCES = tests/unit/t_conf.c
tests_unit_t_conf_CPPFLAGS = $(UNIT_CPPFLAGS) $(XML_CFLAGS)
tests_unit_t_conf_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
