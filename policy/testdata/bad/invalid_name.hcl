gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "my rules" {  # ERROR: Invalid name
  source = "builtin:rules"
}
