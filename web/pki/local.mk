# web/pki: certificates and secrets
