gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

trust {
  keys = [] # ERROR: Invalid value
}
