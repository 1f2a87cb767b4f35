# An admin listener for others, behind a proxy, with a provider of OpenID Connect.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

admin {
  address         = ":8080"
  url             = "https://mail.weir.test"
  plain           = true
  proxies         = ["10.0.0.0/8"]
  session_idle    = "30m"
  session_longest = "8h"
  sign_in_links   = false
  keep_audit      = "730d"

  oidc "corp" {
    title         = "Corporate sign-in"
    issuer        = "https://id.weir.test"
    client_id     = "weir"
    client_secret = "correct horse battery staple"
    scopes        = ["openid", "email", "groups"]
    accounts      = true
    grant {
      claim = "groups"
      value = "postmasters"
      level = "admin"
      role  = "auditor"
    }
    grant {
      claim   = "email"
      value   = "@acme.test"
      level   = "domain"
      tenant  = "acme"
      domains = ["acme.test"]
    }
  }
}

tenant "acme" {
  domains = ["acme.test", "acme.example"]
}
