gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" { hosts = ["a.test"] }

via "all" { route = route.relay }

via "partners" {  # ERROR: Via is never reached
  recipient = ["partner.test"]
  mx        = true
}

tenant "acme" {
  domains = ["acme.test"]
  outbound {
    via "some" {
      sender    = ["boss@acme.test"]
      recipient = ["partner.test"]
      mx        = true
    }
    via "partners" {
      recipient = ["partner.test"]
      mx        = true
    }
    via "again" {  # ERROR: Via is never reached
      recipient = ["other.test", "bob@partner.test"]
      route     = route.relay
    }
  }
}
