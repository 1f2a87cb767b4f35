gateway {
  hostname = null  # ERROR: Missing value
  data_dir = "var"
}
