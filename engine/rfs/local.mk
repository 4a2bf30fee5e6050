# rfsd: keeper and worker
