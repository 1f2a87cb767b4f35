gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = ["a.test"]
  tls   = "verify"  # ERROR: Invalid value
}
