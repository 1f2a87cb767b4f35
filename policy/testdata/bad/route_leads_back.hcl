gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
}

listener "submission" {
  address   = "192.0.2.1:2587"
  direction = "outbound"
  allow     = ["10.0.0.0/8"]
}

route "elsewhere" {
  hosts = ["192.0.2.2:2525", "192.0.2.1:2525", "127.0.0.1:2526", "mail.weir.test:2525", "unix:/2525"]
  protocol = "lmtp"
}

route "back" {
  hosts = [
    "127.0.0.1:2525",  # ERROR: Route leads back here
    "10.0.0.1:2525",
    "192.0.2.1:2587",  # ERROR: Route leads back here
    "[::1]:2525",      # ERROR: Route leads back here
  ]
}

tenant "acme" {
  domains = ["acme.test"]
  route {
    host "MX.weir.test:2525" {}  # ERROR: Route leads back here
  }
  outbound {
    route { hosts = ["localhost:2525"] }  # ERROR: Route leads back here
  }
}
