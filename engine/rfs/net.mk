# librfsnet: the stream and its two ends (frame, stream, repl, second)
noinst_LIBRARIES += librfsnet.a
librfsnet_a_SOURCES = engine/rfs/rfs.h engine/rfs/frame.h engine/rfs/frame.c \
	engine/rfs/stream.h engine/rfs/stream_impl.h engine/rfs/stream_link.h engine/rfs/stream.c engine/rfs/stream_accept.c engine/rfs/stream_connect.c \
	engine/rfs/stream_conn.c engine/rfs/stream_tls.c \
	engine/rfs/repl.h engine/rfs/repl_impl.h engine/rfs/repl.c engine/rfs/repl_link.c engine/rfs/repl_time.c engine/rfs/repl_mend.c \
	engine/rfs/second.h engine/rfs/second_impl.h engine/rfs/second.c engine/rfs/second_table.c engine/rfs/second_apply.c engine/rfs/second_flush.c
librfsnet_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(SSL_CFLAGS) $(CRYPTO_CFLAGS)
# behind librfsfs and librfssync, which it needs and which need it: RFS_LIBS (local.mk) names them twice
RFSNET_LIBS = librfsnet.a $(SSL_LIBS) $(CRYPTO_LIBS) $(JANSSON_LIBS) -lpthread
