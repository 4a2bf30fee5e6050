# The replicated folder as the kernel sees it: the exerciser (also for the lab), and its units
check_PROGRAMS += tests/rfs/exercise
tests_rfs_exercise_SOURCES = tests/rfs/exercise.c $(RFS_EXERCISE)
tests_rfs_exercise_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_rfs_exercise_LDADD = -lpthread
RFS_EXERCISE = tests/rfs/exercise.h tests/rfs/posix.c tests/rfs/random.c tests/rfs/load.c tests/rfs/compare.c tests/sim/rng.h

UNIT_TESTS += tests/unit/t_rfs_op tests/unit/t_rfs_serve
tests_unit_t_rfs_op_SOURCES = tests/unit/t_rfs_op.c tests/rfs/place.h tests/rfs/exercise.h tests/rfs/compare.c
tests_unit_t_rfs_op_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_op_LDADD = $(RFSFS_LIBS) $(CMOCKA_LIBS)
# its own objects: the worker is killed at points of theirs
tests_unit_t_rfs_serve_SOURCES = tests/unit/t_rfs_serve.c tests/rfs/place.h tests/rfs/world.h tests/rfs/world.c $(RFS_EXERCISE) $(librfsfs_a_SOURCES)
tests_unit_t_rfs_serve_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests '-DSERVE_POINT(n)=serve_point(n)'
tests_unit_t_rfs_serve_LDADD = librfssync.a $(BASE_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS) -lpthread

# A peer with the key and bad intent: the other end is made by hand
UNIT_TESTS += tests/unit/t_rfs_hostile
tests_unit_t_rfs_hostile_SOURCES = tests/unit/t_rfs_hostile.c tests/rfs/by_hand.h tests/rfs/place.h tests/rfs/by_hand_primary.h
tests_unit_t_rfs_hostile_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_hostile_LDADD = $(RFS_LIBS) $(CMOCKA_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_sync_frame tests/fuzz/fuzz_ssync tests/fuzz/fuzz_psync
tests_fuzz_fuzz_sync_frame_SOURCES = tests/fuzz/fuzz_sync_frame.c
tests_fuzz_fuzz_sync_frame_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_sync_frame_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sync_frame_LDADD = $(RFS_LIBS)
tests_fuzz_fuzz_ssync_SOURCES = tests/fuzz/fuzz_ssync.c tests/fuzz/recipe.h tests/rfs/by_hand.h tests/rfs/place.h
tests_fuzz_fuzz_ssync_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(JANSSON_CFLAGS)
tests_fuzz_fuzz_ssync_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_ssync_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_ssync_LDADD = $(RFS_LIBS)
tests_fuzz_fuzz_psync_SOURCES = tests/fuzz/fuzz_psync.c tests/fuzz/recipe.h tests/rfs/by_hand.h tests/rfs/place.h tests/rfs/by_hand_primary.h
tests_fuzz_fuzz_psync_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(JANSSON_CFLAGS)
tests_fuzz_fuzz_psync_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_psync_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_psync_LDADD = $(RFS_LIBS)
EXTRA_DIST += tests/fuzz/corpus/sync_frame tests/fuzz/corpus/ssync tests/fuzz/corpus/psync
