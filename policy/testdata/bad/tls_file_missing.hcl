gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
  tls {
    cert = "nowhere.pem"  # ERROR: File not found
    key  = "nowhere.key"  # ERROR: File not found
  }
}
