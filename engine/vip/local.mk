# vipd: virtual addresses, the farm, the filter as seen from user space.
