gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:2526"] }
  recipients {
    valid_for = "5d" # ERROR: Invalid value
  }
}
