# SPDX-License-Identifier: GPL-2.0-or-later
# What an administrator may copy: systemd units and the like, with the folders that configure was given.
safesystemddir = $(safedir)/contrib/systemd
SYSTEMD_MADE = \
	contrib/systemd/safeadmin.service contrib/systemd/safemodules.service contrib/systemd/safeagent.service contrib/systemd/safemail.service \
	contrib/systemd/safewebserver.service \
	contrib/systemd/safekit.tmpfiles
nodist_safesystemd_DATA = $(SYSTEMD_MADE)
dist_safesystemd_DATA = contrib/systemd/safekit.sysusers
EXTRA_DIST += $(SYSTEMD_MADE:=.in)
CLEANFILES += $(SYSTEMD_MADE)
$(SYSTEMD_MADE): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@safedir[@]|$(safedir)|g' -e 's|@safevardir[@]|$(safevardir)|g' $< >$@
# Samples of configuration for SNMP
safesnmpconfdir = $(safesnmpdir)/conf
nodist_safesnmpconf_DATA = contrib/snmp/snmpd.conf contrib/snmp/snmptrapd.conf
EXTRA_DIST += contrib/snmp/snmpd.conf.sample contrib/snmp/snmptrapd.conf.sample
CLEANFILES += contrib/snmp/snmpd.conf contrib/snmp/snmptrapd.conf

contrib/snmp/snmpd.conf: $(top_srcdir)/contrib/snmp/snmpd.conf.sample
	$(AM_V_GEN)$(MKDIR_P) contrib/snmp && cp $(top_srcdir)/contrib/snmp/snmpd.conf.sample $@
contrib/snmp/snmptrapd.conf: $(top_srcdir)/contrib/snmp/snmptrapd.conf.sample
	$(AM_V_GEN)$(MKDIR_P) contrib/snmp && cp $(top_srcdir)/contrib/snmp/snmptrapd.conf.sample $@
# For Prometheus: what snmp_exporter shall read of SAFEKIT-MIB, up to its version 0.22 (snmp.yml) and from 0.23 on
safeprometheusdir = $(safedir)/contrib/prometheus
dist_safeprometheus_DATA = contrib/prometheus/snmp.yml contrib/prometheus/snmp-generator.yml
nodist_safeprometheus_DATA = contrib/prometheus/snmp-auths.yml
EXTRA_DIST += contrib/prometheus/auths.awk
CLEANFILES += contrib/prometheus/snmp-auths.yml

contrib/prometheus/snmp-auths.yml: $(top_srcdir)/contrib/prometheus/snmp.yml $(top_srcdir)/contrib/prometheus/auths.awk
	$(AM_V_GEN)$(MKDIR_P) contrib/prometheus && $(AWK) -f $(top_srcdir)/contrib/prometheus/auths.awk $(top_srcdir)/contrib/prometheus/snmp.yml >$@.tmp && mv $@.tmp $@
# and for the metrics of safeexport: alert rules with their tests, a sample of prometheus.yml
dist_safeprometheus_DATA += contrib/prometheus/prometheus.yml contrib/prometheus/safekit.rules.yml contrib/prometheus/safekit.rules.test.yml
# Dashboards for Grafana; that for KairosDB also by the path of the user's guide (10.7)
safegrafanadir = $(safedir)/contrib/grafana
dist_safegrafana_DATA = \
	contrib/grafana/modules.json contrib/grafana/module.json contrib/grafana/exporters.json contrib/grafana/kairosdb.json
safekairosboarddir = $(safedir)/KairosDB
nodist_safekairosboard_DATA = contrib/grafana/dashboard.json
CLEANFILES += contrib/grafana/dashboard.json

contrib/grafana/dashboard.json: $(top_srcdir)/contrib/grafana/kairosdb.json
	$(AM_V_GEN)$(MKDIR_P) contrib/grafana && cp $(top_srcdir)/contrib/grafana/kairosdb.json $@
# and for the e-mail agent
safemailconfdir = $(safedir)/mail/conf
dist_safemailconf_DATA = contrib/mail/safemail.conf.sample
