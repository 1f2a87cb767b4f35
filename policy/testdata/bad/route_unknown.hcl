gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" { hosts = ["127.0.0.1:25"] }

via "partners" {
  recipient = ["partner.test"]
  route     = route.relais  # ERROR: Unknown route
}
