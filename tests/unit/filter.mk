# The filter's verdict: the same vectors for every compilation of it
FILTER_VECTORS = tests/lib/filter_vectors.h tests/lib/filter_vectors.c tests/lib/filter_frames.c
UNIT_TESTS += tests/unit/t_filter
tests_unit_t_filter_SOURCES = tests/unit/t_filter.c $(FILTER_VECTORS)
tests_unit_t_filter_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_filter_LDADD = $(CMOCKA_LIBS)
if WITH_BPF
UNIT_TESTS += tests/unit/t_filter_bpf
tests_unit_t_filter_bpf_SOURCES = tests/unit/t_filter_bpf.c $(FILTER_VECTORS)
tests_unit_t_filter_bpf_CPPFLAGS = $(UNIT_CPPFLAGS) $(BPF_CFLAGS) -I$(top_srcdir)/tests
tests_unit_t_filter_bpf_LDADD = $(BPF_LIBS) $(CMOCKA_LIBS)
tests/unit/t_filter_bpf-t_filter_bpf.$(OBJEXT): filter_bpf_gen.h
endif
