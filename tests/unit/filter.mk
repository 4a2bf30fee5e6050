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
UNIT_TESTS += tests/unit/t_filter_spare
tests_unit_t_filter_spare_SOURCES = tests/unit/t_filter_spare.c
tests_unit_t_filter_spare_CPPFLAGS = $(UNIT_CPPFLAGS) $(BPF_CFLAGS)
tests_unit_t_filter_spare_LDADD = $(FILTER_LIBS) $(BASE_LIBS) $(BPF_LIBS) $(CMOCKA_LIBS)
endif
FUZZ_TESTS += tests/fuzz/fuzz_filter
tests_fuzz_fuzz_filter_SOURCES = tests/fuzz/fuzz_filter.c $(FILTER_VECTORS)
tests_fuzz_fuzz_filter_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_fuzz_filter_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_filter_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += tests/fuzz/corpus/filter
EXTRA_PROGRAMS += tests/bench/bench_filter
tests_bench_bench_filter_SOURCES = tests/bench/bench_filter.c
tests_bench_bench_filter_LDADD = $(FILTER_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/bench/bench_filter.sh
