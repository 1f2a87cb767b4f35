# A provider of OpenID Connect that is not whole.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

admin {
  address = ":8443"
  url     = "https://mail.weir.test:8443"
  plain   = true  # ERROR: Contradicting attributes
  proxies = ["0.0.0.0/0"]  # ERROR: Everybody is a proxy
  tls { auto = "self-signed" }

  oidc "corp" {
    issuer    = "http://id.weir.test"  # ERROR: Not the address of a provider
    client_id = "weir"
    scopes    = ["email"]  # ERROR: Invalid value
    grant {  # ERROR: Missing attribute
      claim = "groups"
      value = "postmasters"
      level = "domain"
    }
    grant {
      claim  = "groups"
      value  = "others"
      level  = "domain"
      tenant = "nobody"  # ERROR: Unknown tenant
    }
    grant {
      claim  = "groups"
      value  = "@weir.test"  # ERROR: Invalid value
      level  = "admin"
    }
  }

  oidc "nobody" {  # ERROR: Missing block
    issuer    = "https://id.weir.test"
    client_id = "weir"
  }
}
