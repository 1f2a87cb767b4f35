gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
  tls {
    auto = "self-signed"  # ERROR: Contradicting attributes
    cert = "junk.pem"
    key  = "junk.pem"
  }
}
