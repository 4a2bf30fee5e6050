# web/gateway: the program between the web server and the engine.  What can be tested without HTTP is a library of its own.
noinst_LIBRARIES += libgate.a
libgate_a_SOURCES = web/gateway/route.h web/gateway/route.c web/gateway/routes.c web/gateway/handlers.h web/gateway/talk.h web/gateway/talk.c \
	web/gateway/who.h web/gateway/who_text.c web/gateway/nonce.c web/gateway/ring.c web/gateway/picture.c
libgate_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS)
GATE_LIBS = libgate.a libwire.a $(SAFEKIT_LIBS)

if WITH_WEB
safebin_PROGRAMS += safewebgate
dist_safeman8_DATA += web/gateway/safewebgate.8
safewebgate_SOURCES = web/gateway/gateway.h web/gateway/parent.h web/gateway/main.c web/gateway/parent.c web/gateway/kept.c web/gateway/spawn.c \
	web/gateway/log.c web/gateway/child.c web/gateway/http.c web/gateway/who.c web/gateway/upload.h web/gateway/upload.c \
	web/gateway/answer.c web/gateway/ask.c web/gateway/feed.c web/gateway/state.c web/gateway/query.c web/gateway/sse.c web/gateway/run.c \
	web/gateway/command.c web/gateway/openapi.c
safewebgate_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS)
safewebgate_LDADD = $(GATE_LIBS) $(MHD_LIBS)
endif
