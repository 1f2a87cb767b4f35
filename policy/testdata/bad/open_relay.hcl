gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "submission" {
  address   = ":2587"
  direction = "outbound"
  allow = [
    "127.0.0.0/8",
    "0.0.0.0/0",  # ERROR: Open relay
  ]
}
