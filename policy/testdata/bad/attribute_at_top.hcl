gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

hostname = "mx.weir.test"  # ERROR: Unknown attribute
