# web/pki/: requests of strangers, forms of the CA web service, and when a certificate's end is told
if WITH_WEB
UNIT_TESTS += tests/unit/t_pki
tests_unit_t_pki_SOURCES = tests/unit/t_pki.c
tests_unit_t_pki_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir) $(CRYPTO_CFLAGS)
tests_unit_t_pki_LDADD = $(PKI_LIBS) $(CMOCKA_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_pki
tests_fuzz_fuzz_pki_SOURCES = tests/fuzz/fuzz_pki.c
tests_fuzz_fuzz_pki_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_pki_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_pki_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_pki_LDADD = $(PKI_LIBS)
endif
EXTRA_DIST += tests/fuzz/corpus/pki
