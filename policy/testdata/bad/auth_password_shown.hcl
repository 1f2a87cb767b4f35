gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = ["a.test", local.host]  # ERROR: Invalid value
  tls   = "verified"
  auth {
    user     = "acme"
    password = "hunter2 hunter2"
    pasword  = "hunter2 hunter2"  # ERROR: Unknown attribute
  }
}

locals { host = "hunter2 hunter2" }

route "number" {
  hosts = ["a.test"]
  tls   = "verified"
  auth {
    user     = "acme"
    password = ["hunter2 hunter2"]  # ERROR: Invalid value
  }
}
