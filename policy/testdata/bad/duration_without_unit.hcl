gateway {
  hostname       = "mx.weir.test"
  data_dir       = "var"
  direct_inbound = 30  # ERROR: Invalid value
}
