gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = ["a.test"]
  tls   = "verified"
  auth {
    user     = "acme"
    password = file("password.txt")  # ERROR: Invalid value
  }
}
