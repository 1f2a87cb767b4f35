gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
  dane     = false
}

route "relay" {
  hosts = ["a.test"]
  tls   = "dane"  # ERROR: Contradicting attributes
}

tenant "acme" {
  domains = ["acme.test"]
  outbound {
    secure "bank" {
      when = recipient.domain == "bank.test"
      tls  = "dane"  # ERROR: Contradicting attributes
    }
  }
}
