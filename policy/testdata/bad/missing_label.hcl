gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener {  # ERROR: Missing label
  address   = ":2525"
  direction = "inbound"
}
