gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
  limits {
    message_size = "50megs"  # ERROR: Invalid value
    recipients   = 0  # ERROR: Invalid value
    connections  = 1.5  # ERROR: Invalid value
    per_client   = "many"  # ERROR: Invalid value
  }
}
