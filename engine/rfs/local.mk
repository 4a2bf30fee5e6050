# librfsstate: what a server remembers, for keeper, worker and both ends of a synchronisation
noinst_LIBRARIES += librfsstate.a
librfsstate_a_SOURCES = engine/rfs/rfs.h engine/rfs/state.h engine/rfs/state.c
librfsstate_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
RFSSTATE_LIBS = librfsstate.a $(BASE_LIBS)

# rfsd: keeper and worker.  What moves data names its neighbours in circles: each archive twice
RFS_LIBS = librfsfs.a librfsnet.a librfssync.a librfsfs.a librfsnet.a librfssync.a librfsstate.a libconf.a libwire.a libbase.a \
	$(SSL_LIBS) $(XXHASH_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(UV_LIBS) -lpthread
safebin_PROGRAMS += rfsd
rfsd_SOURCES = engine/rfsd.c engine/base/talk.h engine/base/talk.c engine/wire/rfsline.h \
	engine/rfs/keeper.h engine/rfs/keeper_impl.h engine/rfs/keeper.c engine/rfs/keeper_worker.c engine/rfs/keeper_event.c \
	engine/rfs/keeper_state.c engine/rfs/keeper_policy.c engine/rfs/keeper_check.c engine/rfs/keeper_flush.c engine/rfs/keeper_mount.h engine/rfs/keeper_mount.c \
	engine/rfs/worker_line.h engine/rfs/worker_line.c engine/rfs/worker.c
rfsd_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
rfsd_LDADD = $(RFS_LIBS)
dist_safeman8_DATA += engine/rfsd.8
