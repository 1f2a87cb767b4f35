gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = ["a.test"]
  tls   = "verified"
  auth { user = "acme" }  # ERROR: Missing attribute
}

route "empty" {
  hosts = ["a.test"]
  tls   = "verified"
  auth {
    user     = ""  # ERROR: Invalid value
    password = ""  # ERROR: Invalid value
  }
}
