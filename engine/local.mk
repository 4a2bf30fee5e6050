# The engine's rooms in reading order.  Libraries, then programs with tiny mains.

# base + wire: no word of HA, and the published structs
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	engine/base/base.h engine/base/diag.c engine/base/clock.c engine/base/path.c engine/base/str.c \
	engine/base/procs.h engine/base/procs.c engine/base/privilege.h engine/base/privilege.c \
	engine/wire/report.h engine/wire/fields.c engine/wire/message.h engine/wire/message.c \
	engine/wire/ctlmsg.h engine/wire/ctlmsg.c
libbase_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
BASE_LIBS = libbase.a $(JANSSON_LIBS) $(CRYPTO_LIBS)

# libsafekit: the only door for outsiders
noinst_LIBRARIES += libsafekit.a
libsafekit_a_SOURCES = engine/ctl/safekit.h engine/ctl/client.c
libsafekit_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
SAFEKIT_LIBS = libsafekit.a $(BASE_LIBS)

# fsm: the language of failover rules, also for those who only check it (the cli)
noinst_LIBRARIES += librules.a
librules_a_SOURCES = engine/fsm/rules.h engine/fsm/rules_impl.h engine/fsm/rules.c engine/fsm/rules_ref.c engine/fsm/rules_lex.c \
	engine/fsm/rules_parse.c engine/fsm/rules_expr.c
librules_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
RULES_LIBS = librules.a $(BASE_LIBS)

# fsm + module: decide, and keep the state.  Pure: the simulation links the same
noinst_LIBRARIES += libmodule.a
libmodule_a_SOURCES = \
	engine/fsm/fsm.h engine/fsm/fsm.c engine/fsm/mirror.h engine/fsm/mirror.c engine/fsm/light.c engine/fsm/plan.c \
	engine/wire/beat.h engine/wire/beat.c \
	engine/module/module.h engine/module/internal.h engine/module/module.c engine/module/pulse.c engine/module/folders.c \
	engine/module/failover.c engine/module/explain.c
libmodule_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
MODULE_LIBS = libmodule.a $(RULES_LIBS)

# heart: one module
safebin_PROGRAMS += heart
heart_SOURCES = engine/heart.c engine/heart/heart.h engine/heart/orders.c engine/heart/check.c engine/heart/plan.c engine/heart/ready.c \
	engine/heart/vip.c engine/wire/vipline.h engine/heart/rfs.h engine/heart/rfs.c engine/heart/rfs_told.c engine/wire/rfsline.h \
	engine/act/child.h engine/act/child.c engine/act/watch.h engine/act/watch.c engine/wire/checkline.h \
	engine/act/runner.h engine/act/runner.c engine/act/thread.h engine/act/writer.h engine/act/writer.c \
	engine/cluster/link.h engine/cluster/link.c \
	engine/module/setup.h engine/module/setup.c \
	engine/ctl/uplink.h engine/ctl/uplink.c
heart_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
# libconf without libxml2: the run form is JSON
heart_LDADD = libmodule.a librules.a libconf.a libscript.a libwire.a libsafekit.a $(BASE_LIBS) $(UV_LIBS) -lpthread

# safeadmin: the node
safebin_PROGRAMS += safeadmin
safeadmin_SOURCES = engine/safeadmin.c \
	engine/pub/picture.h engine/pub/picture.c \
	engine/cluster/link.h engine/cluster/link.c \
	engine/ctl/admin.h engine/ctl/certs.h engine/ctl/certs.c engine/ctl/server.c engine/ctl/ops.c engine/ctl/registry.h engine/ctl/registry.c engine/ctl/member.c
safeadmin_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
safeadmin_LDADD = libcluster.a libwire.a libpub.a $(SQLITE_LIBS) $(CONF_LIBS) $(UV_LIBS) -lpthread

# the tables in words
noinst_PROGRAMS += states
states_SOURCES = engine/fsm/states.c
states_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
states_LDADD = $(MODULE_LIBS)
.PHONY: states-doc
states-doc: states$(EXEEXT)
	./states$(EXEEXT) >$(srcdir)/doc/STATES.md

dist_safeman8_DATA += engine/safeadmin.8 engine/heart.8
