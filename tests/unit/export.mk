# agent/export/: what the exporter serves and keeps
UNIT_TESTS += tests/unit/t_metrics
tests_unit_t_metrics_SOURCES = tests/unit/t_metrics.c
tests_unit_t_metrics_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_metrics_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_spool tests/unit/t_sink tests/unit/t_record
tests_unit_t_record_SOURCES = tests/unit/t_record.c
tests_unit_t_record_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_record_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)
tests_unit_t_spool_SOURCES = tests/unit/t_spool.c
tests_unit_t_spool_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_spool_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)
tests_unit_t_sink_SOURCES = tests/unit/t_sink.c
tests_unit_t_sink_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_sink_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)

# any bytes as what it is told
FUZZ_TESTS += tests/fuzz/fuzz_export
tests_fuzz_fuzz_export_SOURCES = tests/fuzz/fuzz_export.c
tests_fuzz_fuzz_export_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_export_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_export_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_export_LDADD = $(EXPORT_LIBS)
EXTRA_DIST += tests/fuzz/corpus/export
