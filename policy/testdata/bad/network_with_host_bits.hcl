gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "submission" {
  address   = ":2587"
  direction = "outbound"
  allow     = ["10.0.0.1/8"]  # ERROR: Invalid value
}
