gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  grant {
    http = true # ERROR: Invalid value
    dial = []   # ERROR: Invalid value
  }
}
