gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  route "in" { hosts = ["127.0.0.1:25"] }  # ERROR: Unexpected label
}
