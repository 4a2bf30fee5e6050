# engine/check, process monitoring: what checkd links of it
noinst_LIBRARIES += liberrd.a
liberrd_a_SOURCES = \
	engine/check/errd.h engine/check/errd_impl.h engine/check/errd.c engine/check/errd_watch.c engine/check/errd_child.c \
	engine/check/errd_setup.c
liberrd_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
ERRD_LIBS = liberrd.a $(BASE_LIBS) $(UV_LIBS)
