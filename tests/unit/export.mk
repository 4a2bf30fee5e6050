# agent/export/: what the exporter serves and keeps
UNIT_TESTS += tests/unit/t_metrics
tests_unit_t_metrics_SOURCES = tests/unit/t_metrics.c
tests_unit_t_metrics_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_metrics_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/t_spool tests/unit/t_sink
tests_unit_t_spool_SOURCES = tests/unit/t_spool.c
tests_unit_t_spool_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_spool_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)
tests_unit_t_sink_SOURCES = tests/unit/t_sink.c
tests_unit_t_sink_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_sink_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)
