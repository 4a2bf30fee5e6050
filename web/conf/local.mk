# web/conf: the configuration of the web server
