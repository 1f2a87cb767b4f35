gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

via "spaces" {
  recipient = ["partner test"]  # ERROR: Invalid value
  mx        = true
}

via "null" {
  recipient = ["<>"]  # ERROR: Invalid value
  mx        = true
}
