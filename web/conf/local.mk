# web/conf: the configuration of the web server (doc/WEB.md), what starts it, its first user
safewebconfdir = $(safewebdir)/conf
safeweberrorsdir = $(safewebconfdir)/errors
safewebhtdocsdir = $(safewebdir)/htdocs
WEB_ERRORS = \
	web/conf/errors/401.json web/conf/errors/403.json web/conf/errors/404.json web/conf/errors/408.json web/conf/errors/413.json \
	web/conf/errors/500.json web/conf/errors/502.json web/conf/errors/503.json web/conf/errors/login.html
if WITH_WEB
dist_safewebconf_DATA = \
	web/conf/httpd_main.conf web/conf/httpd.routes.conf web/conf/httpd.session.conf web/conf/httpd.alladmin.conf \
	web/conf/httpd.webconsole.conf web/conf/httpd.webconsolessl.conf web/conf/httpd.webconsoleauth.conf web/conf/httpd.webconsoleldap.conf \
	web/conf/httpd.webconsolecert.conf web/conf/httpd.webconsoleopenid.conf web/conf/httpd.webconsolenone.conf
dist_safeweberrors_DATA = $(WEB_ERRORS)
dist_safewebhtdocs_DATA = web/htdocs/index.html

safebin_PROGRAMS += webkey
webkey_SOURCES = web/conf/webkey.c
webkey_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
webkey_LDADD = $(BASE_LIBS)

WEBSERVICE_MADE = web/conf/safewebserver web/conf/webservercfg
safebin_SCRIPTS = $(WEBSERVICE_MADE)
CLEANFILES += $(WEBSERVICE_MADE)
$(WEBSERVICE_MADE): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@safedir[@]|$(safedir)|g' -e 's|@safevardir[@]|$(safevardir)|g' $< >$@.tmp && \
	chmod 755 $@.tmp && mv $@.tmp $@

# httpd.conf is the administrator's: an installation over an older one leaves it alone; what was delivered is httpd.conf.default
install-data-hook:
	$(MKDIR_P) $(DESTDIR)$(safewebconfdir)/ssl $(DESTDIR)$(safewebdir)/bin
	$(INSTALL) -m 600 $(top_srcdir)/web/conf/httpd.conf $(DESTDIR)$(safewebconfdir)/httpd.conf.default
	test -e $(DESTDIR)$(safewebconfdir)/httpd.conf || $(INSTALL) -m 600 $(top_srcdir)/web/conf/httpd.conf $(DESTDIR)$(safewebconfdir)/httpd.conf
	$(LN_S) -f /usr/bin/htpasswd $(DESTDIR)$(safewebdir)/bin/htpasswd
uninstall-hook:
	rm -f $(DESTDIR)$(safewebconfdir)/httpd.conf.default $(DESTDIR)$(safewebdir)/bin/htpasswd
	cmp -s $(top_srcdir)/web/conf/httpd.conf $(DESTDIR)$(safewebconfdir)/httpd.conf && rm -f $(DESTDIR)$(safewebconfdir)/httpd.conf || :
	-rmdir $(DESTDIR)$(safewebconfdir)/ssl $(DESTDIR)$(safewebconfdir) $(DESTDIR)$(safewebdir)/bin $(DESTDIR)$(safewebdir) 2>/dev/null
endif
EXTRA_DIST += web/conf/httpd.conf web/conf/safewebserver.in web/conf/webservercfg.in
