# engine/cluster
