gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source   = "builtin:rules"
  on_error = "tempfial"  # ERROR: Invalid value
}
