gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "smtp" {
  hosts = ["unix:/run/lmtp"]  # ERROR: Contradicting attributes
}

route "relative" {
  hosts    = ["unix:run/lmtp"]  # ERROR: Invalid value
  protocol = "lmtp"
}

route "tls" {
  hosts    = ["unix:/run/lmtp"]
  protocol = "lmtp"
  tls      = "required"  # ERROR: Contradicting attributes
}
