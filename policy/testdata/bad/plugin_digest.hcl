gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  digest = "md5:12"  # ERROR: Invalid value
}
