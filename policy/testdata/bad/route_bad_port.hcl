gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  route {
    hosts = [
      "127.0.0.1:25",
      "127.0.0.1:99999",  # ERROR: Invalid value
    ]
  }
}
