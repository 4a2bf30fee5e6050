# libwire: sealed packets.  Beside libbase so that programs that only read reports need no cipher.
noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = engine/wire/packet.h engine/wire/packet.c
libwire_a_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
WIRE_LIBS = libwire.a $(BASE_LIBS)
