gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
  tls {
    cert = "junk.pem"  # ERROR: Certificate is not usable
    key  = "junk.pem"
  }
}
