gateway {
  hostname = "mx.weir.test" data_dir = "x"  # ERROR: Missing newline after argument
}

listener "mx" {
  address   = "2525"  # ERROR: Invalid value
  direction = "inbound"
}
