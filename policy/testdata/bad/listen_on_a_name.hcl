gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = "mx.weir.test:25"  # ERROR: Invalid value
  direction = "inbound"
}
