gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "relay_password" { default = "hunter2-hunter2" }

route "forged" {
  mx  = "relay.test"
  tls = "required"  # ERROR: Password could go to a stranger
  auth {
    user     = "acme"
    password = var.relay_password
  }
}

route "proven" {
  mx  = "relay.test"
  tls = "verified"
  auth {
    user     = "acme"
    password = var.relay_password
  }
}
