gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "relay_password" { default = "hunter2-hunter2" }

route "default" {
  hosts = ["a.test"]
  auth {  # ERROR: Password could go out in the clear
    user     = "acme"
    password = var.relay_password
  }
}

route "none" {
  hosts = ["a.test"]
  tls   = "none"  # ERROR: Password could go out in the clear
  auth {
    user     = "acme"
    password = var.relay_password
  }
}
