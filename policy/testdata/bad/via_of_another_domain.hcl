gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" { hosts = ["a.test"] }

tenant "acme" {
  domains = ["acme.test"]
  inbound {
    via "sales" {
      recipient = ["sales@acme.test", "sales@other.test"]  # ERROR: Address of another domain
      route     = route.relay
    }
  }
  outbound {
    via "boss" {
      sender = ["<>", "boss@other.test"]  # ERROR: Address of another domain
      route  = route.relay
    }
  }
}
