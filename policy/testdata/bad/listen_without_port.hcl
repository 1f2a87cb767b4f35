gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = "127.0.0.1"  # ERROR: Invalid value
  direction = "inbound"
}
