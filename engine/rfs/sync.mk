# librfssync: the change map and synchronisation (map, match, state_match, psync, ssync)
noinst_LIBRARIES += librfssync.a
librfssync_a_SOURCES = \
	engine/rfs/map.h engine/rfs/map_impl.h engine/rfs/map.c engine/rfs/map_log.c engine/rfs/match.h engine/rfs/match.c \
	engine/rfs/state.h engine/rfs/state_match.c engine/rfs/sync_frame.h engine/rfs/sync_frame.c engine/rfs/sync_attr.h engine/rfs/sync_attr.c \
	engine/rfs/psync.h engine/rfs/psync_impl.h engine/rfs/psync.c engine/rfs/psync_set.c engine/rfs/psync_send.c engine/rfs/psync_walk.c \
	engine/rfs/psync_data.c engine/rfs/psync_route.c engine/rfs/psync_check.c engine/rfs/psync_diff.c engine/rfs/check_log.h engine/rfs/check_log.c \
	engine/rfs/ssync_impl.h engine/rfs/ssync.c engine/rfs/ssync_names.c engine/rfs/ssync_entry.c engine/rfs/ssync_data.c engine/rfs/ssync_slow.c \
	engine/rfs/ssync_check.c
librfssync_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
RFSSYNC_LIBS = librfssync.a $(XXHASH_LIBS)
