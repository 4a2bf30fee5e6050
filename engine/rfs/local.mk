# librfsstate: what a server remembers, for keeper, worker and both ends of a synchronisation
noinst_LIBRARIES += librfsstate.a
librfsstate_a_SOURCES = engine/rfs/rfs.h engine/rfs/state.h engine/rfs/state.c
librfsstate_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
RFSSTATE_LIBS = librfsstate.a $(BASE_LIBS)

