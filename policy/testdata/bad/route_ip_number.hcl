gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = ["a.test"]
  ip    = 4  # ERROR: Invalid value
}
