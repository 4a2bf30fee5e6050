# The exporter of time series.  What can be tested without HTTP is a library of its own.
noinst_LIBRARIES += libexport.a
libexport_a_SOURCES = \
	agent/export/metrics.h agent/export/metrics.c agent/export/text.h agent/export/keep.h agent/export/keep.c agent/export/render.c \
	agent/export/point.h agent/export/point.c agent/export/sink.h agent/export/sink.c agent/export/sink_kairosdb.c \
	agent/export/sink_influx.c agent/export/conf.h agent/export/conf.c agent/export/accept.h agent/export/accept.c agent/export/spool.h agent/export/spool.c agent/export/spool_db.c agent/export/spool_trim.c agent/export/spool_impl.h \
	agent/export/record.h agent/export/record.c
libexport_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS)
EXPORT_LIBS = libexport.a libagent.a $(SAFEKIT_LIBS) $(SQLITE_LIBS) -lcrypt -lpthread

if WITH_EXPORT
dist_safeman8_DATA += agent/export/safeexport.8
safebin_PROGRAMS += safeexport
safeexport_SOURCES = agent/export/export.h agent/export/main.c agent/export/feed.c agent/export/http.c \
	agent/export/push.h agent/export/push.c
safeexport_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(CURL_CFLAGS) $(ZLIB_CFLAGS) $(CRYPTO_CFLAGS)
safeexport_CFLAGS = $(AM_CFLAGS) -pthread
safeexport_LDADD = $(EXPORT_LIBS) $(MHD_LIBS) $(CURL_LIBS) $(ZLIB_LIBS) $(CRYPTO_LIBS)
endif
