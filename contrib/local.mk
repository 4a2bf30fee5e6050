# SPDX-License-Identifier: GPL-2.0-or-later
# What an administrator may copy: systemd units and the like, with the folders that configure was given.
safesystemddir = $(safedir)/contrib/systemd
SYSTEMD_MADE = \
	contrib/systemd/safeadmin.service contrib/systemd/safemodules.service contrib/systemd/safeagent.service \
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
