gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  limits {
    deadline = { message = "5 minutes" }  # ERROR: Invalid value
    memory   = "12"  # ERROR: Invalid value
  }
}
