gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "a" "b" {  # ERROR: Unexpected label
  source = "builtin:rules"
}
