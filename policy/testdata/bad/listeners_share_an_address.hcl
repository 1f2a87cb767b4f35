gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "a" {
  address   = ":2525"
  direction = "inbound"
}

listener "b" {
  address   = ":2525"  # ERROR: Repeated address
  direction = "inbound"
}
