# engine/check: checkd and the built-in checkers
noinst_LIBRARIES += libcheck.a
libcheck_a_SOURCES = \
	engine/check/check.h engine/check/impl.h engine/check/table.c engine/check/row.c engine/check/kinds.c engine/check/pure.c \
	engine/check/names.c engine/check/tcp.c engine/check/ping.c \
	engine/check/links.h engine/check/links.c engine/check/rt.c engine/check/intf.c \
	engine/check/custom.h engine/check/custom.c engine/check/custom_run.c \
	engine/check/other.h engine/check/other.c engine/check/module.c engine/check/far.h engine/check/far.c \
	engine/wire/checkline.h
libcheck_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS) $(MNL_CFLAGS) $(CURL_CFLAGS)
# libconf without libxml2: the run form is JSON
CHECK_LIBS = libcheck.a libwebcall.a libwire.a libconf.a libsafekit.a libbase.a $(CRYPTO_LIBS) $(MNL_LIBS) $(JANSSON_LIBS) $(UV_LIBS)

safebin_PROGRAMS += checkd
checkd_SOURCES = engine/checkd.c engine/base/talk.h engine/base/talk.c
checkd_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
checkd_LDADD = libcheck.a liberrd.a libscript.a $(CHECK_LIBS)

dist_safeman8_DATA += engine/checkd.8
