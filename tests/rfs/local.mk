# The replicated folder as the kernel sees it: the exerciser (also for the lab), and its units
check_PROGRAMS += tests/rfs/exercise
tests_rfs_exercise_SOURCES = tests/rfs/exercise.c $(RFS_EXERCISE)
tests_rfs_exercise_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_rfs_exercise_LDADD = -lpthread
RFS_EXERCISE = tests/rfs/exercise.h tests/rfs/posix.c tests/rfs/random.c tests/rfs/load.c tests/rfs/compare.c tests/sim/rng.h

UNIT_TESTS += tests/unit/t_rfs_op tests/unit/t_rfs_serve
tests_unit_t_rfs_op_SOURCES = tests/unit/t_rfs_op.c tests/rfs/exercise.h tests/rfs/compare.c
tests_unit_t_rfs_op_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_t_rfs_op_LDADD = $(RFSFS_LIBS) $(CMOCKA_LIBS)
# its own objects: the worker is killed at points of theirs
tests_unit_t_rfs_serve_SOURCES = tests/unit/t_rfs_serve.c tests/rfs/world.h tests/rfs/world.c $(RFS_EXERCISE) $(librfsfs_a_SOURCES)
tests_unit_t_rfs_serve_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests '-DSERVE_POINT(n)=serve_point(n)'
tests_unit_t_rfs_serve_LDADD = librfssync.a $(BASE_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS) -lpthread
