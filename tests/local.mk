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

.PHONY: unit
unit: $(UNIT_TESTS)
