# web/pki: certificates and secrets.  The commands are scripts; what reads the bytes of strangers is C, in a library that is tested and fuzzed.
PKI_COMMANDS = \
	web/pki/initssl web/pki/makeusercert web/pki/checkcert web/pki/getipandnames web/pki/startcaserv web/pki/stopcaserv
PKI_TOOLS = web/pki/rmcerts web/pki/printcert web/pki/firewallcfg web/pki/caserv_action
PKI_PAGES = web/pki/html/index.html web/pki/html/advanced.html web/pki/html/getcsr.html web/pki/html/caserv.css
EXTRA_DIST += $(PKI_COMMANDS) $(PKI_TOOLS) $(PKI_PAGES) web/pki/pki.sh web/pki/httpd.caserv.conf

if WITH_WEB
noinst_LIBRARIES += libpki.a
libpki_a_SOURCES = \
	web/pki/request.h web/pki/request.c web/pki/issue.c web/pki/caserv.h web/pki/caserv_check.c web/pki/caserv_frame.c
libpki_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
PKI_LIBS = libpki.a $(BASE_LIBS)

safewebbindir = $(safewebdir)/bin
dist_safewebbin_SCRIPTS = $(PKI_COMMANDS)
dist_safewebbin_DATA = web/pki/pki.sh
dist_safebin_SCRIPTS = $(PKI_TOOLS)
safewebcaservdir = $(safewebdir)/caserv
dist_safewebcaserv_DATA = $(PKI_PAGES)
safewebpkiconfdir = $(safewebdir)/conf
dist_safewebpkiconf_DATA = web/pki/httpd.caserv.conf
safebin_PROGRAMS += safecert safecaserv safesecret
safesecret_SOURCES = web/pki/safesecret.c
safesecret_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
safesecret_LDADD = $(WIRE_LIBS)
safecert_SOURCES = web/pki/safecert.c
safecert_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(CRYPTO_CFLAGS)
safecert_LDADD = $(PKI_LIBS)
safecaserv_SOURCES = web/pki/caserv.c web/pki/caserv_run.c web/pki/caserv_http.c
safecaserv_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(MHD_CFLAGS)
safecaserv_CFLAGS = $(AM_CFLAGS) -pthread
safecaserv_LDADD = $(PKI_LIBS) $(MHD_LIBS)
endif
