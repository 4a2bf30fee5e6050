# librfsfs: the tree, the change of a tree, the kernel's requests (tree, op, serve)
noinst_LIBRARIES += librfsfs.a
librfsfs_a_SOURCES = engine/rfs/rfs.h engine/rfs/tree.h engine/rfs/tree.c engine/rfs/op.h engine/rfs/op.c engine/rfs/op_names.c engine/rfs/op_impl.h \
	engine/rfs/serve.h engine/rfs/serve_impl.h engine/rfs/serve.c engine/rfs/serve_ops.c engine/rfs/serve_parse.c engine/rfs/serve_read.c \
	engine/rfs/serve_orphan.c engine/rfs/serve_refused.c engine/rfs/serve_init.c engine/rfs/apart.h engine/rfs/apart.c
librfsfs_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
RFSFS_LIBS = librfsfs.a $(BASE_LIBS) -lpthread
