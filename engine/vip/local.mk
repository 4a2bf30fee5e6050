# vipd: virtual addresses, the farm, the filter as seen from user space.

# libfarm: who serves what (pure), shared by vipd and the simulation
noinst_LIBRARIES += libfarm.a
libfarm_a_SOURCES = engine/vip/assign.h engine/vip/assign.c
FARM_LIBS = libfarm.a $(CLUSTER_LIBS)
