gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "submission" {
  address   = ":2587"
  direction = "outbound"
  auth      = "required"  # ERROR: Authentication is not built yet
}
