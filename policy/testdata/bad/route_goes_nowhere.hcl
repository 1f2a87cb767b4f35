gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  route {  # ERROR: Route goes nowhere
    tls = "required"
  }
}
