gateway {
  hostname = "mx_1.weir.test"  # ERROR: Invalid value
  data_dir = "var"
}
