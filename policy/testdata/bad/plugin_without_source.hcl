gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {  # ERROR: Missing attribute
}
