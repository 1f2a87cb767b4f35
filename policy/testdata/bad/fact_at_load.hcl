gateway {
  hostname = sender.domain  # ERROR: Unknown name
  data_dir = "var"
}
