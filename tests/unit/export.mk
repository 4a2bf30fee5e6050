# agent/export/: what the exporter serves and keeps
UNIT_TESTS += tests/unit/t_metrics
tests_unit_t_metrics_SOURCES = tests/unit/t_metrics.c
tests_unit_t_metrics_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_metrics_LDADD = $(EXPORT_LIBS) $(CMOCKA_LIBS)
