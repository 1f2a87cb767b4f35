gateway {
  hostname = each.value  # ERROR: Unknown name
  data_dir = "var"
}
