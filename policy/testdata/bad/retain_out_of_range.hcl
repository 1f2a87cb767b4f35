gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:2526"] }
  retain {
    log        = "30m"   # ERROR: Invalid value
    quarantine = "4000d" # ERROR: Invalid value
  }
}
