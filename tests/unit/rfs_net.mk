# The stream of the replication and its two ends
RFSNET_TEST_LIBS = librfsnet.a librfsfs.a librfssync.a librfsnet.a librfsfs.a librfssync.a librfsstate.a libconf.a $(BASE_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(XXHASH_LIBS) \
	$(JANSSON_LIBS) -lpthread
UNIT_TESTS += tests/unit/t_rfs_frame tests/unit/t_rfs_stream tests/unit/t_rfs_repl tests/unit/t_rfs_second
tests_unit_t_rfs_frame_SOURCES = tests/unit/t_rfs_frame.c
tests_unit_t_rfs_frame_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_rfs_frame_LDADD = $(RFSNET_TEST_LIBS) $(CMOCKA_LIBS)
tests_unit_t_rfs_stream_SOURCES = tests/unit/t_rfs_stream.c
tests_unit_t_rfs_stream_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_t_rfs_stream_LDADD = $(RFSNET_TEST_LIBS) $(CMOCKA_LIBS)
tests_unit_t_rfs_repl_SOURCES = tests/unit/t_rfs_repl.c tests/unit/rfs_world.h tests/rfs/place.h
tests_unit_t_rfs_repl_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_repl_LDADD = $(RFSNET_TEST_LIBS) $(CMOCKA_LIBS)
tests_unit_t_rfs_second_SOURCES = tests/unit/t_rfs_second.c tests/unit/rfs_world.h tests/rfs/place.h
tests_unit_t_rfs_second_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_second_LDADD = $(RFSNET_TEST_LIBS) $(CMOCKA_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_frame
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c
tests_fuzz_fuzz_frame_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_frame_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_frame_LDADD = librfsnet.a $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/frame
