gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "hook" {
  source = "builtin:hook"
  offer  = "some"  # ERROR: Invalid value
  config {
    uri = "http://x.test/"  # ERROR: Unknown attribute
  }
}
