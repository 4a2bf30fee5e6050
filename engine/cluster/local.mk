# libwire: sealed packets.  Beside libbase so that programs that only read reports need no cipher.
noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = engine/wire/packet.h engine/wire/packet.c engine/wire/webauth.h engine/wire/webauth.c
libwire_a_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
WIRE_LIBS = libwire.a $(BASE_LIBS)

# libwebcall: signed questions to web services; libcurl is loaded when it is needed, not linked
noinst_LIBRARIES += libwebcall.a
libwebcall_a_SOURCES = engine/base/curl.h engine/base/curl.c engine/wire/webcall.h engine/wire/webcall.c
libwebcall_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS)
WEBCALL_LIBS = libwebcall.a $(WIRE_LIBS)

# libcluster: who is here
noinst_LIBRARIES += libcluster.a
libcluster_a_SOURCES = engine/cluster/group.h engine/cluster/group_impl.h engine/cluster/group.c engine/cluster/group_info.c \
	engine/cluster/group_msg.c
CLUSTER_LIBS = libcluster.a $(WIRE_LIBS)
