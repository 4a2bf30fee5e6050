# The engine's rooms in reading order.  Libraries, then programs with tiny mains.

# base + wire: no word of HA, and the published structs
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	engine/base/base.h engine/base/diag.c engine/base/clock.c engine/base/path.c engine/base/str.c \
	engine/wire/report.h engine/wire/fields.c engine/wire/message.h engine/wire/message.c \
	engine/wire/ctlmsg.h engine/wire/ctlmsg.c
libbase_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
BASE_LIBS = libbase.a $(JANSSON_LIBS) $(CRYPTO_LIBS)

# libsafekit: the only door for outsiders
noinst_LIBRARIES += libsafekit.a
libsafekit_a_SOURCES = engine/ctl/safekit.h engine/ctl/client.c
libsafekit_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
SAFEKIT_LIBS = libsafekit.a $(BASE_LIBS)
