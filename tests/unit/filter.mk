# The filter's verdict: the same vectors for every compilation of it
FILTER_VECTORS = tests/lib/filter_vectors.h tests/lib/filter_vectors.c tests/lib/filter_frames.c
UNIT_TESTS += tests/unit/t_filter
tests_unit_t_filter_SOURCES = tests/unit/t_filter.c $(FILTER_VECTORS)
tests_unit_t_filter_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_filter_LDADD = $(CMOCKA_LIBS)
