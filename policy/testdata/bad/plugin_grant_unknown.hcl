gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  grant { dail = ["unix:/x"] }  # ERROR: Unknown attribute
}
