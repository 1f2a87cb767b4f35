gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts   = ["a.test"]
  source  = "2001:db8::1"  # ERROR: Invalid value
  source6 = "192.0.2.1"    # ERROR: Invalid value
}

route "four" {
  hosts   = ["a.test"]
  ip      = "4"
  source6 = "2001:db8::1"  # ERROR: Contradicting attributes
}

route "six" {
  hosts  = ["a.test"]
  ip     = "6"
  source = "192.0.2.1"  # ERROR: Contradicting attributes
}
