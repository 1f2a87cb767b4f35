gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" { hosts = ["a.test"] }

via "partners" {
  recipient = ["partner.test"]
  route     = route.relay
  mx        = true  # ERROR: Contradicting attributes
}

via "others" {
  recipient = ["other.test"]
  mx        = true
  reject    = "no"  # ERROR: Contradicting attributes
}
