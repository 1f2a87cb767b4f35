gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:"  # ERROR: Invalid value
}
