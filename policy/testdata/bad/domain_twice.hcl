gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:2526"] }
}

tenant "other" {
  domains = ["other.test", "ACME.test"]  # ERROR: Repeated domain
  route { hosts = ["127.0.0.1:2526"] }
}
