# SPDX-License-Identifier: GPL-2.0-or-later
# Samples of the exporter's configuration, and what the user's guide (10.7) names: SAFE/KairosDB/README and the unit in private/conf/systemd.
if WITH_EXPORT
dist_safeconf_DATA += contrib/export/safeexport.conf.sample
safekairosdbdir = $(safedir)/KairosDB
nodist_safekairosdb_DATA = contrib/export/made/README
safeconfsystemddir = $(safeconfdir)/systemd
nodist_safeconfsystemd_DATA = contrib/systemd/safeKairosDBd.service
SYSTEMD_MADE += contrib/systemd/safeexport.service contrib/systemd/safeKairosDBd.service
endif
EXTRA_DIST += contrib/export/README contrib/systemd/safeexport.service.in contrib/systemd/safeKairosDBd.service.in
CLEANFILES += contrib/export/made/README
contrib/export/made/README: $(top_srcdir)/contrib/export/README Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@safedir[@]|$(safedir)|g' -e 's|@safevardir[@]|$(safevardir)|g' $(top_srcdir)/contrib/export/README >$@
