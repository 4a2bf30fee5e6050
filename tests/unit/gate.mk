# web/gateway/: what is pure in it
UNIT_TESTS += tests/unit/t_gate
tests_unit_t_gate_SOURCES = tests/unit/t_gate.c
tests_unit_t_gate_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir) $(MHD_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_t_gate_LDADD = $(GATE_LIBS) $(CMOCKA_LIBS)

# any bytes as what a client sends
FUZZ_TESTS += tests/fuzz/fuzz_gateway
tests_fuzz_fuzz_gateway_SOURCES = tests/fuzz/fuzz_gateway.c
tests_fuzz_fuzz_gateway_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_gateway_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_gateway_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_gateway_LDADD = $(GATE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/gateway
EXTRA_DIST += tests/web/gate.sh tests/web/crawl.py tests/bench/bench_gateway.sh
