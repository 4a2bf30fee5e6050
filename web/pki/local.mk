# web/pki: certificates and secrets.  The commands are scripts; what reads the bytes of strangers is C, in a library that is tested and fuzzed.
EXTRA_DIST += $(PKI_COMMANDS) $(PKI_TOOLS) web/pki/pki.sh
PKI_COMMANDS = \
	web/pki/initssl web/pki/makeusercert web/pki/checkcert web/pki/getipandnames
PKI_TOOLS = web/pki/rmcerts web/pki/printcert

if WITH_WEB
noinst_LIBRARIES += libpki.a
libpki_a_SOURCES = web/pki/request.h web/pki/request.c web/pki/issue.c
libpki_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
PKI_LIBS = libpki.a $(BASE_LIBS)

safewebbindir = $(safewebdir)/bin
dist_safewebbin_SCRIPTS = $(PKI_COMMANDS)
dist_safewebbin_DATA = web/pki/pki.sh
dist_safebin_SCRIPTS = $(PKI_TOOLS)
safebin_PROGRAMS += safecert
safecert_SOURCES = web/pki/safecert.c
safecert_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CRYPTO_CFLAGS)
safecert_LDADD = $(PKI_LIBS)
endif
