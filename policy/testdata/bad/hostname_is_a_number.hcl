gateway {
  hostname = 25  # ERROR: Invalid value
  data_dir = "var"
}
