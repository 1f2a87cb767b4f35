gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  outbound {
    secure "a" {
      when = recipient.domain == "bank.test"
      tls  = "opportunistic"  # ERROR: Invalid value
    }
    secure "b" {
      when      = recipient.domian == "bank.test"  # ERROR: Unknown field
      otherwise = "drop"  # ERROR: Invalid value
    }
    secure "c" {
      when = message.subject  # ERROR: Condition is not true or false
    }
    secure "d" {}  # ERROR: Missing attribute
  }
}
