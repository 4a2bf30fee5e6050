# web/gateway: the program between the web server and the engine
