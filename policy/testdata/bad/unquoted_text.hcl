gateway {
  hostname = mx  # ERROR: Unknown name
  data_dir = "var"
}
