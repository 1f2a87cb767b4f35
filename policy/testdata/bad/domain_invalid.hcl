gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = [
    "acme.test",
    "acme..test",  # ERROR: Invalid value
  ]
}
