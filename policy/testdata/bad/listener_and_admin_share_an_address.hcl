gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

admin { address = "127.0.0.1:2525" }

listener "b" {
  address   = "127.0.0.1:2525"  # ERROR: Repeated address
  direction = "inbound"
}
