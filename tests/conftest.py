pytest_plugins = ["support.cluster.fixtures"]
