# The exporter of time series.  What can be tested without HTTP is a library of its own.
noinst_LIBRARIES += libexport.a
libexport_a_SOURCES = agent/export/metrics.h agent/export/metrics.c
libexport_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS)
EXPORT_LIBS = libexport.a libagent.a $(SAFEKIT_LIBS)
